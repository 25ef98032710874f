import { type Path, startsWith, type Tree } from './tree.ts';
import type { Diagnostic, Fix, Range } from './types.ts';

export interface Found {
  code: string;
  severity?: Diagnostic['severity'];
  range: Range;
  message: string;
  fixes?: Fix[];
}

export function diagnostic(tree: Tree, { code, severity = 'error', range, message, fixes = [] }: Found): Diagnostic {
  return { code, severity, range, ...tree.position(range.start), message, fixes };
}

/** By place, errors before warnings. */
export function sorted(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort(
    (a, b) => a.range.start - b.range.start || (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1),
  );
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === 'error');
}

/** Whether one of the paths stands above, at or below the other: what is wrong at one may be the cause at the other. */
export function related(a: Path, b: Path): boolean {
  return startsWith(a, b) || startsWith(b, a);
}
