import type { Diagnostic } from '../experiment/types.ts';

/** Where a path of the experiment stands in the text. */
export type Locate = (path: readonly (string | number)[]) => Pick<Diagnostic, 'range' | 'line' | 'column'>;

/** For an experiment without text: everything stands at its beginning. */
export const nowhere: Locate = () => ({ range: { start: 0, end: 0 }, line: 1, column: 1 });

/** Collects diagnostics by their path in the experiment. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];
  readonly #locate: Locate;
  constructor(locate: Locate) {
    this.#locate = locate;
  }
  add(severity: Diagnostic['severity'], path: readonly (string | number)[], code: string, message: string): void {
    this.list.push({ code, severity, ...this.#locate(path), message, fixes: [] });
  }
  error(path: readonly (string | number)[], code: string, message: string): void {
    this.add('error', path, code, message);
  }
  get failed(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }
}

/** Keeps what is said as it is said, to be placed later. */
export class Recorder extends Diagnostics {
  readonly said: Parameters<Diagnostics['add']>[] = [];
  constructor() {
    super(nowhere);
  }
  override add(...problem: Parameters<Diagnostics['add']>): void {
    this.said.push(problem);
  }
}
