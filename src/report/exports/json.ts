import type { Comparison } from '../types.ts';

/** camelCase keys of the program become snake_case keys of files; names that users chose have no capitals to change. */
function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => [key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), snakeCase(v)]),
  );
}

/** Version of the layout of the JSON export. */
export const comparisonVersion = 1;

/** The whole comparison as a plain object with snake_case keys, as `strata compare --json` prints it. */
export function comparisonObject(comparison: Comparison): Record<string, unknown> {
  return { strata_comparison: comparisonVersion, ...(snakeCase(comparison) as Record<string, unknown>) };
}

export function json(comparison: Comparison): string {
  return `${JSON.stringify(comparisonObject(comparison), null, 2)}\n`;
}
