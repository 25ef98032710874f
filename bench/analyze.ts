// Time of removing every layer in turn with shared beginnings, against as many separate evaluations, interleaved on one machine;
// and whether both give the same numbers.
//   node --import tsx bench/analyze.ts MODEL [--tokens 32768] [--rounds 5] [--threads 2] [--out FILE]
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { openJournal } from '../src/analyze/journal.ts';
import { pieceRequest } from '../src/analyze/pieces.ts';
import { scanLayers, variants } from '../src/analyze/scan.ts';
import { random } from '../src/base/random.ts';
import { ForwardPasses } from '../src/engine/forward-passes.ts';
import { createScorer } from '../src/engine/scorer.ts';
import type { ScoreRequest } from '../src/engine/types.ts';
import { openModel } from '../src/model/open.ts';
import type { Model } from '../src/model/types.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '32768' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
});
const threads = Number(options.threads);
const model = await openModel(positionals[0] ?? '.');

/** Documents of random tokens, as long as the model's positions or 256. */
function documents({ config }: Model, tokens: number): ScoreRequest[] {
  const draw = random('bench analyze', config.vocabSize);
  const length = Math.min(256, config.maxPositions);
  return Array.from({ length: Math.ceil(tokens / length) }, (_, document) => {
    const ids = Array.from({ length }, () => draw.below(config.vocabSize));
    return pieceRequest({ document, ids, labels: ids });
  });
}

const requests = documents(model, Number(options.tokens));
const { layers } = model.config;

/** Log-likelihoods [layers][documents] and seconds. */
interface Timed {
  seconds: number;
  results: number[][];
}

async function shared(): Promise<Timed> {
  const began = performance.now();
  const passes = new ForwardPasses(model, { threads });
  const journal = await openJournal(undefined, {});
  const scan = { passes, requests, variants: ['removal'] as const, observers: [], journal, onProgress() {} };
  const { changed } = await scanLayers(scan);
  await passes.dispose();
  const seconds = (performance.now() - began) / 1000;
  return { seconds, results: changed.removal.map((own) => own.map((r) => r.loglikelihood)) };
}

async function separate(): Promise<Timed> {
  const began = performance.now();
  const results: number[][] = [];
  for (let layer = 0; layer < layers; layer++) {
    const scorer = await createScorer(model, { threads, stack: variants.removal.whole(layer, layers) });
    results.push((await scorer.score(requests)).map((r) => r.loglikelihood));
    await scorer.dispose();
  }
  return { seconds: (performance.now() - began) / 1000, results };
}

const rounds: { shared: number; separate: number; ratio: number }[] = [];
let equal = true;
for (let round = 0; round < Number(options.rounds); round++) {
  // Each goes first in turn.
  const first = round % 2 === 0 ? await shared() : undefined;
  const other = await separate();
  const ours = first ?? (await shared());
  equal &&= JSON.stringify(ours.results) === JSON.stringify(other.results);
  rounds.push({ shared: ours.seconds, separate: other.seconds, ratio: ours.seconds / other.seconds });
  console.log(
    `round ${round + 1}: shared ${ours.seconds.toFixed(2)} s, separate ${other.seconds.toFixed(2)} s, ratio ${(ours.seconds / other.seconds).toFixed(3)}`,
  );
}
const ratios = rounds.map(({ ratio }) => ratio).sort((a, b) => a - b);
const median = ratios[Math.floor(ratios.length / 2)]!;
console.log(`median ratio ${median.toFixed(3)}; the same numbers bit for bit: ${equal ? 'yes' : 'NO'}`);
if (options.out) {
  const machine = `${cpus()[0]?.model.trim()}, ${threads} threads`;
  const record = {
    // Two folders name a model well enough; the rest of the path is this machine's.
    model: model.folder.split('/').slice(-2).join('/'),
    layers,
    tokens: Number(options.tokens),
    machine,
    median_ratio: median,
    equal,
    rounds,
  };
  await writeFile(options.out, `${JSON.stringify(record, null, 2)}\n`);
}
process.exitCode = equal ? 0 : 1;
