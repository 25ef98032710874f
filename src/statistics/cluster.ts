import { random } from '../base/random.ts';
import { type BootstrapOptions, bootstrapSums, defaultResamples } from './bootstrap.ts';
import { mean, quantile } from './moments.ts';
import type { Interval } from './student.ts';

/** A table of differences, one row a seed and one column a document, taken apart into what each margin contributes. */
export interface Margins {
  /** The mean over all cells. */
  centre: number;
  /** Mean of each seed minus `centre`. */
  seeds: Float64Array;
  /** Mean of each document minus `centre`. */
  documents: Float64Array;
  /** Variance of `centre` as the seeds see it, as the documents see it, and of what neither explains. */
  variance: { seeds: number; documents: number; rest: number };
}

/** Margins of `cells` `[seeds][documents]`, two of each at least. */
export function marginsOf(cells: readonly Float64Array[]): Margins {
  const seeds = cells.length;
  const n = cells[0]?.length ?? 0;
  if (seeds < 2 || n < 2) throw new RangeError(`a table of ${seeds} seeds and ${n} documents has no margins`);
  const seedMeans = Float64Array.from(cells, mean);
  const centre = mean(seedMeans);
  const documents = new Float64Array(n);
  for (const row of cells) for (let i = 0; i < n; i++) documents[i]! += row[i]! / seeds;
  const rowEffects = seedMeans.map((v) => v - centre);
  const columnEffects = documents.map((v) => v - centre);
  let rest = 0;
  for (let s = 0; s < seeds; s++) {
    for (let i = 0; i < n; i++) rest += (cells[s]![i]! - centre - rowEffects[s]! - columnEffects[i]!) ** 2;
  }
  const varianceOfMean = (squares: number, count: number) => squares / ((count - 1) * count);
  return {
    centre,
    seeds: rowEffects,
    documents: columnEffects,
    variance: {
      seeds: varianceOfMean(
        rowEffects.reduce((t, v) => t + v * v, 0),
        seeds,
      ),
      documents: varianceOfMean(
        columnEffects.reduce((t, v) => t + v * v, 0),
        n,
      ),
      rest: rest / ((seeds - 1) * (n - 1)) / (seeds * n),
    },
  };
}

/**
 * Interval of the mean over documents *and* seeds, as if both were drawn anew: a cluster bootstrap with both margins drawn on
 * their own (documents and seeds are crossed, not nested), studentised and symmetric: the distribution of |t*| gives the
 * critical value (Hall 1992, §3.6). Documents are resampled; seeds are too few for that and are drawn from the normal
 * distribution of their spread, which makes the interval Student's where only seeds matter. The spread of the documents is
 * known well enough to be left as it is. The variance is that of two-way clustering, V_seeds + V_documents − V_rest (Cameron,
 * Gelbach and Miller 2011), never less than what the seeds show: chance in single cells is seen by both margins, so the
 * documents count with what is their own.
 * @param deviations of the mean from `centre` in each resample of the documents, `[resamples]`
 */
export function clusterInterval(
  { centre, seeds, variance }: Margins,
  deviations: Float64Array,
  { seed = 0 }: BootstrapOptions = {},
  level = 0.95,
): Interval {
  const s = seeds.length;
  const own = Math.max(0, variance.documents - variance.rest);
  const total = variance.seeds + own;
  // Without any spread the mean is what it is.
  if (!(total > 0)) return { low: centre, high: centre };
  const share = Math.sqrt(variance.documents > 0 ? own / variance.documents : 0);
  const generator = random('seeds', seed);
  const sizes = deviations.map((byDocuments) => {
    let squares = 0;
    for (let k = 1; k < s; k++) squares += generator.normal() ** 2;
    const drawn = Math.sqrt(variance.seeds) * generator.normal() + share * byDocuments;
    return Math.abs(drawn) / Math.sqrt((variance.seeds * squares) / (s - 1) + own);
  });
  const half = quantile(sizes.sort(), level) * Math.sqrt(total);
  return { low: centre - half, high: centre + half };
}

/** The same from the table itself, `[seeds][documents]`. */
export function clusterBootstrap(
  cells: readonly Float64Array[],
  { resamples = defaultResamples, seed = 0 }: BootstrapOptions = {},
  level = 0.95,
): Interval {
  const margins = marginsOf(cells);
  const [sums] = bootstrapSums([margins.documents], { resamples, seed });
  const n = margins.documents.length;
  return clusterInterval(
    margins,
    sums!.map((sum) => sum / n),
    { seed },
    level,
  );
}
