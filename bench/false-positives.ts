// How often verdicts find a difference where there is none: 2,000 simulated nulls a row. The tables stand in docs/statistics.md.
// Rows already in the file are kept, so that it can be stopped and goes on:
//   node --import tsx bench/false-positives.ts [--trials 2000] [--resamples 1000] [--seconds 200] [--fresh] [--out FILE]
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  againstBase,
  answersOf,
  bitsLossOf,
  lossOf,
  rates,
  type Settings,
  textsOf,
  type World,
} from '../test/unit/report/nulls.ts';
import { fewChanges, lopsided, rates as ratesOverDocuments, ratio, yesNo } from '../test/unit/statistics/nulls.ts';

const { values: options } = parseArgs({
  options: {
    trials: { type: 'string', default: '2000' },
    resamples: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '1e9' },
    fresh: { type: 'boolean', default: false },
    out: { type: 'string', default: 'bench/results/false-positives.json' },
  },
});
const trials = Number(options.trials);
const resamples = Number(options.resamples);

interface Row {
  table: string;
  world: string;
  documents: number;
  seeds: number;
  margin?: number;
}
interface Result extends Row {
  /** Share of trials in which each said that there is something. */
  rates: Record<string, number>;
}
interface Job extends Row {
  run(name: string): Record<string, number>;
}

const jobs: Job[] = [];

// One seed: the tests over documents alone, at every size.
const overDocuments = {
  'yes/no answers': yesNo,
  'yes/no answers, few change': fewChanges,
  'bits per byte of uneven texts': ratio,
  'lopsided results': lopsided,
};
for (const [world, trial] of Object.entries(overDocuments)) {
  for (const documents of [10, 20, 50, 100, 200, 500]) {
    const run = (name: string) => ratesOverDocuments(trials, name, (g, how) => trial(g, documents, how), resamples);
    jobs.push({ table: 'documents', world, documents, seeds: 1, run });
  }
}

/** A job whose rates are those of whole verdicts. */
function add(table: string, name: string, world: World, settings: Settings, which: string[]): void {
  const { documents, seeds, margin } = settings;
  jobs.push({
    table,
    world: name,
    documents,
    seeds,
    ...(margin !== undefined && { margin }),
    run: (row) => rates(row, trials, world, { resamples, ...settings }, which),
  });
}

const spreads = {
  'only chance': { seeds: 0, documents: 0 },
  'seeds differ': { seeds: 1, documents: 0 },
  'documents differ': { seeds: 0, documents: 1 },
  'both differ': { seeds: 0.5, documents: 1 },
};
const scaled = (spread: { seeds: number; documents: number }, seeds: number, documents: number) => ({
  seeds: spread.seeds * seeds,
  documents: spread.documents * documents,
});
const kinds: Record<string, (spread: { seeds: number; documents: number }) => World> = {
  answers: (s) => answersOf(scaled(s, 0.3, 1)),
  'answers against a base without seeds': (s) => againstBase(scaled(s, 0.3, 1)),
  'bits per byte': (s) => textsOf('bits_per_byte', scaled(s, 0.01, 0.05)),
  'word perplexity': (s) => textsOf('word_perplexity', scaled(s, 0.01, 0.05)),
};
const three = ['verdict', 'interval over documents', 'paired t over seeds'];
const sizes: [documents: number, seeds: number][] = [
  [200, 8],
  [500, 8],
  [200, 5],
  [200, 3],
  [50, 8],
  [50, 3],
  [20, 3],
];
for (const [documents, seeds] of sizes) {
  for (const [kind, world] of Object.entries(kinds)) {
    // Where the sizes are not those that are promised, one kind is enough; texts are shown at two.
    const promised = documents >= 200 && seeds >= 8;
    const shown = kind === 'answers' || (kind === 'bits per byte' && (seeds === 5 || documents === 50));
    if (!promised && !shown) continue;
    for (const [name, spread] of Object.entries(spreads))
      add('seeds', `${kind}: ${name}`, world(spread), { documents, seeds }, three);
  }
}

// The arm lost exactly the margin.
for (const seeds of [1, 8, 3]) {
  for (const documents of [50, 200, 500]) {
    const settings: Settings = { documents, seeds, role: 'forgetting' };
    for (const margin of [0.05, 0.02]) {
      add('equivalence', 'answers', lossOf(margin, 0.5, seeds > 1 ? 0.01 : 0), { ...settings, margin }, [
        'equivalence',
      ]);
    }
    const bits = bitsLossOf(0.02, { seeds: seeds > 1 ? 0.005 : 0, documents: 0.05 });
    add('equivalence', 'bits per byte', bits, { ...settings, margin: 0.02 }, ['equivalence']);
  }
}

// Five tasks of two arms: is any of them wrong?
const family = ['any verdict', 'any after Holm'];
for (const [documents, seeds] of [
  [200, 1],
  [200, 8],
  [200, 3],
] as const) {
  for (const kind of ['answers', 'bits per byte']) {
    const spread = seeds === 1 ? spreads['only chance'] : spreads['both differ'];
    add('holm', kind, kinds[kind]!(spread), { documents, seeds, tasks: 5 }, family);
  }
}

const same = (a: Row, b: Row) =>
  a.table === b.table &&
  a.world === b.world &&
  a.documents === b.documents &&
  a.seeds === b.seeds &&
  a.margin === b.margin;

const known = options.fresh ? undefined : await readFile(options.out, 'utf8').then(JSON.parse, () => undefined);
const results: Result[] = known?.trials === trials && known.resamples === resamples ? known.rows : [];
const start = performance.now();
for (const { run, ...row } of jobs) {
  if (results.some((r) => same(r, row)) || performance.now() - start > 1000 * Number(options.seconds)) continue;
  const name = [row.world, row.documents, row.seeds, row.margin ?? []].flat().join(' ');
  const found = run(name);
  results.push({ ...row, rates: found });
  const cells = Object.entries(found).map(([test, share]) => `${test} ${(100 * share).toFixed(1)} %`);
  process.stdout.write(`${name}: ${cells.join('; ')}\n`);
  const rows = jobs.flatMap((job) => results.filter((r) => same(r, job)));
  await writeFile(options.out, `${JSON.stringify({ trials, resamples, rows }, null, 1)}\n`);
}
process.stdout.write(`${results.length} of ${jobs.length} rows\n`);
