import type { ImportanceInterval } from '../record/importance.ts';
import { bootstrapSums, percentileInterval } from '../statistics/bootstrap.ts';

/** A number made of sums over documents: `columns` are `[documents]` each. */
export interface Estimate {
  columns: readonly Float64Array[];
  of(sums: readonly number[]): number;
}

export const ratio = (numerators: Float64Array, denominators: Float64Array): Estimate => ({
  columns: [numerators, denominators],
  of: ([above, below]) => above! / below!,
});

export const sumOf = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

export function pointEstimate({ columns, of }: Estimate): number {
  return of(columns.map(sumOf));
}

/**
 * 95 % bootstrap intervals over documents of numbers that share their documents: all see the same draws, so differences are
 * paired and ratios resample both sides. Null below two documents: there is no spread to see.
 */
export function intervalsOf(estimates: readonly Estimate[]): ImportanceInterval[] {
  const columns = [...new Set(estimates.flatMap((e) => e.columns))];
  if ((columns[0]?.length ?? 0) < 2) return estimates.map(() => null);
  const sums = new Map(bootstrapSums(columns).map((drawn, i) => [columns[i]!, drawn]));
  return estimates.map((estimate) => {
    const drawn = estimate.columns.map((column) => sums.get(column)!);
    const values = drawn[0]!.map((_, draw) => estimate.of(drawn.map((s) => s[draw]!)));
    // A draw of documents in which nothing is counted says nothing.
    const { low, high } = percentileInterval(values.filter((x) => !Number.isNaN(x)));
    return [low, high];
  });
}
