import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fail } from '../../base/problem.ts';
import { createScorer } from '../../engine/scorer.ts';
import type { Scorer } from '../../engine/types.ts';
import type { TensorSource } from '../../model/sources.ts';
import type { ModelConfig } from '../../model/types.ts';
import { writeSafetensors } from '../../model/writer.ts';
import { interruptible } from '../interruptible.ts';
import { openModelArgument } from '../model-argument.ts';
import { chooseComputing, computing } from '../options.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

/** `{"input_ids": [[…]]}` → a safetensors file with `logits` float32 [batch, sequence, vocab]. */
export const logits: Verb = {
  name: 'logits',
  summary: 'logits of token ids, as a safetensors file',
  configure(command) {
    computing(
      command
        .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
        .requiredOption('--ids <file>', 'JSON: {"input_ids": [[…], …]}, rows of equal length')
        .requiredOption('--out <file>', 'safetensors file with the tensor logits, float32 [batch, sequence, vocab]'),
    );
  },
  async run(io, [argument = ''], options) {
    const { device, threads } = await chooseComputing(io, options);
    const model = await openModelArgument(argument, io.cwd);
    const ids = await readIds(resolve(io.cwd, String(options['ids'])), model.config);
    const out = resolve(io.cwd, String(options['out']));
    const scorer = await createScorer(model, { device, threads });
    const progress = createProgress(io, { unit: 'rows' });
    const source = logitsSource(scorer, ids, (done) => progress.report('logits', done, ids.length));
    try {
      const finished = await interruptible((signal) => writeSafetensors(out, [source], { signal }), progress);
      if (!finished) return 130;
    } finally {
      await scorer.dispose();
    }
    if (io.json) io.out(JSON.stringify({ file: out, shape: source.shape }));
    else io.out(out);
    return 0;
  },
};

/** The tensor, computed row by row while it is written: one row is in memory at a time. */
function logitsSource(scorer: Scorer, ids: readonly number[][], onRow: (done: number) => void): TensorSource {
  const sequence = ids[0]!.length;
  const rowBytes = sequence * scorer.model.config.vocabSize * 4;
  let row = -1;
  let bytes: Uint8Array = new Uint8Array();
  return {
    name: 'logits',
    dtype: 'F32',
    shape: [ids.length, sequence, scorer.model.config.vocabSize],
    async fill(offset, target) {
      for (let done = 0; done < target.length; ) {
        const wanted = Math.floor((offset + done) / rowBytes);
        if (wanted !== row) {
          const { data } = await scorer.logits([ids[wanted]!]);
          bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
          row = wanted;
          onRow(row + 1);
        }
        const from = offset + done - row * rowBytes;
        const piece = bytes.subarray(from, from + target.length - done);
        target.set(piece, done);
        done += piece.length;
      }
    },
  };
}

async function readIds(file: string, { maxPositions, vocabSize }: ModelConfig): Promise<number[][]> {
  const bad = (message: string): never =>
    fail('invalid-ids', message, { place: file, remedy: 'Write {"input_ids": [[1, 2], [3, 4]]}.' });
  let ids: unknown;
  try {
    ids = (JSON.parse(await readFile(file, 'utf8')) as { input_ids?: unknown } | null)?.input_ids;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    bad('The file is not JSON.');
  }
  const isRow = (row: unknown): row is number[] => Array.isArray(row) && row.length > 0 && row.every(Number.isInteger);
  if (!Array.isArray(ids) || ids.length === 0 || !ids.every(isRow))
    return bad('It has no list input_ids of lists of whole numbers.');
  const length = ids[0]!.length;
  for (const [i, row] of ids.entries()) {
    if (row.length !== length) bad(`Row ${i + 1} has ${row.length} ids, the first has ${length}.`);
    const wrong = row.find((id) => id < 0 || id >= vocabSize);
    if (wrong !== undefined) bad(`Row ${i + 1} has the id ${wrong}; the model's ids are 0 to ${vocabSize - 1}.`);
  }
  if (length > maxPositions) bad(`Rows of ${length} ids do not fit the model's ${maxPositions} positions.`);
  return ids;
}
