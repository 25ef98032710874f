import { permutation, random } from '../base/random.ts';
import {
  type BootstrapOptions,
  type Bootstrapped,
  bootstrapped,
  bootstrapSums,
  defaultResamples,
} from './bootstrap.ts';
import { mean } from './moments.ts';
import { studentQuantiles } from './student.ts';

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
 * `count` draws from Student's t in an order that has nothing to do with that of resamples: the middles of equally likely
 * strips, shuffled, so that they hold no chance of their own.
 */
export function studentDraws(count: number, degrees: number, seed: number | string = 0): Float64Array {
  const quantiles = studentQuantiles(count, degrees);
  return Float64Array.from(permutation(count, random('student', degrees, seed)), (place) => quantiles[place]!);
}

/** The share of the spread over documents that is the documents' own; the rest is chance in single cells, which seeds see too. */
function documentShare({ variance }: Margins): number {
  const own = Math.max(0, variance.documents - variance.rest);
  return variance.documents > 0 ? Math.sqrt(own / variance.documents) : 0;
}

/**
 * A cluster bootstrap over documents *and* seeds, as if both were drawn anew. They are crossed, not nested, so each margin is
 * drawn on its own: documents are resampled; seeds are too few for that, and their part is drawn from Student's t with the
 * spread that they show. Chance in single cells is seen by both margins, so that documents count with what is their own,
 * V_documents − V_rest (two-way clustering, Cameron, Gelbach and Miller 2011).
 *
 * The sum of a t and a (nearly) normal part is the fiducial distribution of Behrens and Fisher, whose intervals hold the
 * true value at least as often as they say (Robinson 1976, "Properties of Student's t and of the Behrens–Fisher solution").
 * Where only seeds differ the percentile interval of these estimates is that of the paired t test, where only documents
 * differ that of the bootstrap over documents.
 * @param byDocuments estimates of the resamples of documents, `[resamples]`
 * @param draws `studentDraws(resamples, seeds − 1)`
 */
export function crossedEstimates(margins: Margins, byDocuments: Float64Array, draws: Float64Array): Float64Array {
  const { centre, variance } = margins;
  const [share, spread] = [documentShare(margins), Math.sqrt(variance.seeds)];
  return byDocuments.map((estimate, r) => centre + share * (estimate - centre) + spread * draws[r]!);
}

/** The same from the table itself, `[seeds][documents]`. */
export function clusterBootstrap(
  cells: readonly Float64Array[],
  { resamples = defaultResamples, seed = 0 }: BootstrapOptions = {},
): Bootstrapped {
  const margins = marginsOf(cells);
  const [sums] = bootstrapSums([margins.documents], { resamples, seed });
  const n = margins.documents.length;
  const byDocuments = sums!.map((sum) => margins.centre + sum / n);
  const draws = studentDraws(resamples, cells.length - 1, seed);
  return bootstrapped(crossedEstimates(margins, byDocuments, draws), margins.centre);
}
