import type { Progress } from '../base/log.ts';
import { fail } from '../base/problem.ts';
import type { TrainingSpec } from '../experiment/types.ts';
import { packedRows } from './packing.ts';
import { makeRows, type RowSource } from './rows.ts';
import { loadTokenCorpus } from './token-cache.ts';
import { orderedRows, readTokenRows } from './token-rows.ts';
import type { CorpusSource, DataSpec, Tokenizer, TrainingData } from './types.ts';

/** Sequences among the first n that are replay. */
export function replayed(sequences: number, share: number): number {
  return Math.round(sequences * share);
}

/**
 * The batches of a run. Sequence i of the run (from 0) is replay where round((i+1)·share) is one more than round(i·share), so
 * after n sequences exactly round(n·share) were; the others are rows of the main corpus in their order. Everything follows
 * from the seed and the number of the step: a resumed run asks for step n and gets what it would have got.
 *
 * @param files absolute, in order
 * @param options.stream names the order of the main corpus: another name, another order
 * @param tokenizer may be undefined if all corpora are token rows
 * @throws Failure as `loadTokenCorpus`, `readTokenRows`, `orderedRows`; `token-out-of-vocabulary`
 */
export async function trainingData(
  spec: DataSpec,
  files: { corpus: readonly string[]; replay?: readonly string[] },
  tokenizer: Tokenizer | undefined,
  seed: number,
  options: { cacheFolder?: string; progress?: Progress; vocabSize?: number; stream?: string } = {},
): Promise<TrainingData> {
  const { batch, sequence, steps } = spec;
  const share = spec.replay?.share ?? 0;
  const total = steps * batch;
  const replayNeeded = replayed(total, share);
  const open = (source: CorpusSource, names: readonly string[], stream: string, needed: number) =>
    openRows(source, names, needed, { ...spec, seed, tokenizer, ...options, stream });
  const main = await open(spec.corpus, files.corpus, options.stream ?? 'corpus', total - replayNeeded);
  const replay = spec.replay && (await open(spec.replay.corpus, files.replay ?? [], 'replay', replayNeeded));
  return {
    steps,
    rowsPerEpoch: main.rowsPerPass,
    batch(step) {
      if (!Number.isInteger(step) || step < 0 || step >= steps) throw new RangeError(`step ${step} of ${steps}`);
      return makeRows(batch, sequence, (j, out) => {
        const before = step * batch + j;
        const replayBefore = replayed(before, share);
        if (replay && replayed(before + 1, share) > replayBefore) replay.write(replayBefore, out);
        else main.write(before - replayBefore, out);
      });
    },
  };
}

async function openRows(
  source: CorpusSource,
  files: readonly string[],
  needed: number,
  options: {
    sequence: number;
    packing: 'document' | 'stream';
    seed: number;
    stream: string;
    tokenizer: Tokenizer | undefined;
    cacheFolder?: string;
    progress?: Progress;
    vocabSize?: number;
  },
): Promise<RowSource> {
  if (source.kind === 'tokens') {
    const rows = await readTokenRows(files);
    checkVocabulary(rows.ids, options.vocabSize, files[0]);
    return orderedRows(rows, options.sequence, needed, files[0]);
  }
  const corpus = await loadTokenCorpus(source, files, options.tokenizer, options);
  checkVocabulary(corpus.ids, options.vocabSize, files[0]);
  return packedRows(corpus, options);
}

function checkVocabulary(ids: Int32Array, vocabSize = Number.POSITIVE_INFINITY, place?: string): void {
  const wrong = ids.find((id) => id < 0 || id >= vocabSize);
  if (wrong !== undefined)
    fail('token-out-of-vocabulary', `The corpus has token ${wrong}, but the model knows 0 to ${vocabSize - 1}.`, {
      place,
      remedy: 'Use the tokenizer of this model.',
    });
}

/**
 * Optimizer steps of a training. An epoch is one pass over the main corpus: the smallest number of full batches whose rows of
 * the main corpus (without replay) cover it.
 * @param rowsPerEpoch tokens of the main corpus / sequence (`TrainingData.rowsPerEpoch`)
 * @throws Failure `invalid-epochs` for token rows, which are not repeated
 */
export function stepsFor(
  training: Pick<TrainingSpec, 'length' | 'batch' | 'replay'> & { sequence: number },
  rowsPerEpoch: number,
): number {
  const { length, batch, sequence } = training;
  const share = training.replay?.share ?? 0;
  if (length.unit === 'steps') return length.value;
  if (length.unit === 'tokens') return Math.ceil(length.value / (batch * sequence));
  if (!Number.isFinite(rowsPerEpoch) || share >= 1)
    fail('invalid-epochs', 'Epochs are not defined for token rows, which are taken in order, once.', {
      place: 'training.epochs',
      remedy: 'Give `steps` or `tokens`.',
    });
  // A row that floating point alone calls for is none.
  const needed = Math.ceil(length.value * rowsPerEpoch - 1e-9);
  let sequences = Math.floor(needed / (1 - share));
  while (sequences > 0 && sequences - 1 - replayed(sequences - 1, share) >= needed) sequences--;
  while (sequences - replayed(sequences, share) < needed) sequences++;
  return Math.ceil(sequences / batch);
}
