/** One thing that was looked for: what is there, and what to do where it is not. */
export interface Finding {
  name: string;
  state: 'ok' | 'warning' | 'missing';
  /** What is there. */
  found: string;
  remedy?: string;
}

const marks: Record<Finding['state'], string> = { ok: 'ok', warning: '!', missing: 'missing' };

/** A finding for a terminal: one line, and one for its remedy. Pure. */
export function findingLines({ name, state, found, remedy }: Finding): string[] {
  const line = `${marks[state].padEnd(8)}${name.padEnd(12)}${found}`;
  return remedy === undefined ? [line] : [line, `${' '.repeat(20)}${remedy}`];
}
