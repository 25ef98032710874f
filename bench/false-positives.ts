// How often each test finds a difference where there is none: 2,000 simulated nulls at each size, written to
// bench/results/false-positives.json and, as tables, to stdout (they stand in docs/statistics.md).
//   node --import tsx bench/false-positives.ts [--trials 2000] [--resamples 2000] [--out FILE]
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  equivalence,
  fewChanges,
  lopsided,
  overSeeds,
  rates,
  ratio,
  type Spread,
  yesNo,
} from '../test/unit/statistics/nulls.ts';

const { values: options } = parseArgs({
  options: {
    trials: { type: 'string', default: '2000' },
    resamples: { type: 'string', default: '2000' },
    out: { type: 'string', default: 'bench/results/false-positives.json' },
  },
});
const trials = Number(options.trials);
const resamples = Number(options.resamples);

interface Row {
  world: string;
  documents: number;
  seeds: number;
  /** Share of trials in which a test rejected. */
  rates: Record<string, number>;
}
const rows: Row[] = [];

function add(world: string, documents: number, seeds: number, trial: Parameters<typeof rates>[2]): void {
  const found = rates(trials, `${world} ${documents} ${seeds}`, trial, resamples);
  rows.push({ world, documents, seeds, rates: found });
  const cells = Object.entries(found).map(([test, share]) => `${test} ${(100 * share).toFixed(1)} %`);
  process.stdout.write(`${world}, ${documents} documents, ${seeds} seeds: ${cells.join('; ')}\n`);
}

for (const n of [10, 20, 50, 100, 200, 500]) {
  add('yes/no answers', n, 1, (g, how) => yesNo(g, n, how));
  add('yes/no answers, few change', n, 1, (g, how) => fewChanges(g, n, how));
  add('bits per byte of uneven texts', n, 1, (g, how) => ratio(g, n, how));
  add('lopsided results', n, 1, (g, how) => lopsided(g, n, how));
  add('loss of exactly 0.05', n, 1, (g) => equivalence(g, n, 0.05));
}
const spreads: Record<string, Spread> = {
  'only chance': { seeds: 0, documents: 0 },
  'seeds differ': { seeds: 0.05, documents: 0 },
  'documents differ': { seeds: 0, documents: 0.2 },
  'both differ': { seeds: 0.03, documents: 0.2 },
};
for (const [n, s] of [
  [200, 8],
  [200, 10],
  [500, 8],
  [200, 5],
  [200, 3],
  [50, 8],
  [50, 3],
  [20, 3],
] as const) {
  for (const [name, spread] of Object.entries(spreads)) {
    add(name, n, s, (g, how) => overSeeds(g, s, n, spread, how));
  }
}

await writeFile(options.out, `${JSON.stringify({ trials, resamples, rows }, null, 1)}\n`);
