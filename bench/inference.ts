// Speed and memory of choice questions, scoring and generation, and, with --torch PYTHON, against transformers step by step.
//   node --import tsx bench/inference.ts [--cases choices,score,greedy1,greedy16] [--rounds 15] [--threads 2]
//     [--torch python3] [--isa native|avx2] [--starts 1] [--out FOLDER]
// --starts: so often all begin anew, as the speed of one process differs from that of the next; rounds are of each start.
import { execFileSync } from 'node:child_process';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases, config, countOf } from './inference/cases.ts';
import { machine, resultsName, today, withEarlier, writeResults } from './results.ts';
import { type Answer, duel, environmentOf, median, type Series, startEngine, startOwnEngine } from './training/duel.ts';
import { writeModelFolder } from './training/model.ts';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: Object.keys(cases).join(',') },
    rounds: { type: 'string', default: '15' },
    starts: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    torch: { type: 'string' },
    out: { type: 'string' },
    isa: { type: 'string', default: 'native' },
  },
});

interface Row {
  case: string;
  what: string;
  date: string;
  machine: string;
  rounds: number;
  /** Absent in rows of before it was an option: one. */
  starts?: number;
  /** Processes that wanted to run in the minute before: on 2 cores more than 2 disturb. */
  load_before: number;
  unit: string;
  rate: number;
  peak_mb: number;
  transformers_rate?: number;
  transformers_peak_mb?: number;
  /** Time of transformers over ours, of each round: median and the middle half. */
  ratio?: number;
  ratio_quartiles?: [number, number];
  /** Of the quickest step of each: what the least disturbed moments say. */
  ratio_best?: number;
  target: number;
  /** Between the mean log-probabilities of the first step. */
  difference?: number;
  /** Share of the first step's new tokens that are the same in both. */
  same_tokens?: number;
}

async function measure(name: string): Promise<Row> {
  const chosen = cases[name];
  if (!chosen) throw new Error(`no case ${name}; there are ${Object.keys(cases).join(', ')}`);
  const folder = join(tmpdir(), `strata-bench-${config.hiddenSize}-${config.layers}`);
  await writeModelFolder(folder, config);
  const script = (file: string) => join(here, 'inference', file);
  const start = () => {
    const engines = [startOwnEngine('strata', script('engine.ts'), [name, folder, options.threads], environment)];
    if (!options.torch) return engines;
    const args = [script('engine.py'), JSON.stringify(chosen), folder, options.threads];
    return [...engines, startEngine('transformers', options.torch, args, environment)];
  };
  const load = loadavg()[0]!;
  const series = await duel(start(), Number(options.rounds));
  for (let again = 1; again < Number(options.starts); again++) {
    const next = await duel(start(), Number(options.rounds));
    for (const [i, { answers }] of next.entries()) series[i]!.answers.push(...answers);
  }
  const [strata, transformers] = series;
  const rounds = strata!.answers.length;
  const ms = (s: Series) => median(s.answers.map((a) => a.ms));
  const { unit, count } = countOf(chosen);
  const rate = (s: Series) => round((count * 1000) / ms(s), 1);
  const row: Row = {
    case: name,
    what: chosen.what,
    date: today(),
    machine: machine(options),
    rounds,
    starts: Number(options.starts),
    load_before: round(load, 1),
    unit,
    rate: rate(strata!),
    peak_mb: strata!.answers.at(-1)!.peakMB,
    target: chosen.target,
  };
  if (!transformers) return row;
  // Of each round, so that both met the same machine.
  const ratios = transformers.answers.map((a, i) => a.ms / strata!.answers[i]!.ms).sort((a, b) => a - b);
  const [lower, upper] = [ratios.slice(0, Math.ceil(rounds / 2)), ratios.slice(Math.floor(rounds / 2))];
  return {
    ...row,
    transformers_rate: rate(transformers),
    transformers_peak_mb: transformers.answers.at(-1)!.peakMB,
    ratio: round(median(ratios), 2),
    ratio_quartiles: [round(median(lower), 2), round(median(upper), 2)],
    ratio_best: round(quickest(transformers) / quickest(strata!), 2),
    ...agreement(strata!.first, transformers.first),
  };
}

function agreement(ours: Answer, theirs: Answer): Pick<Row, 'difference' | 'same_tokens'> {
  if (!ours.ids || !theirs.ids) return { difference: round(Math.abs(ours.loss - theirs.loss), 6) };
  const same = ours.ids.filter((id, i) => id === theirs.ids?.[i]).length;
  return { same_tokens: round(same / theirs.ids.length, 4) };
}

function quickest({ answers }: Series): number {
  return Math.min(...answers.map((a) => a.ms));
}

function round(x: number, digits: number): number {
  return Number(x.toFixed(digits));
}

function versions(python: string): string {
  const script = 'import torch, transformers; print(torch.__version__, transformers.__version__)';
  const [torch, transformers] = execFileSync(python, ['-c', script], { encoding: 'utf8' }).trim().split(' ');
  return `PyTorch ${torch}, transformers ${transformers}`;
}

function markdown(rows: readonly Row[], reference: string | undefined): string {
  const line = (cells: readonly unknown[]) => `| ${cells.map((c) => c ?? '–').join(' | ')} |`;
  const lines = rows.map((r) =>
    line([
      r.what,
      `${r.rate} ${r.unit}`,
      r.transformers_rate,
      r.ratio,
      r.ratio_quartiles?.join(' – '),
      r.ratio_best,
      r.target,
      r.peak_mb,
      r.transformers_peak_mb,
      `${r.rounds} in ${r.starts ?? 1}`,
      r.load_before,
      r.date,
    ]),
  );
  const header = [
    'what',
    'Strata',
    'transformers',
    'ratio',
    'middle half',
    'best',
    'asked',
    'peak MB',
    'transformers MB',
    'steps in processes',
    'load',
    'date',
  ];
  return `# Speed of scoring and generation

${[machine(options), reference].filter(Boolean).join('; ')}. Model: 45.5M parameters in 14 layers, float32, random weights. Medians of
the steps, engines alternating step by step in random order, each in a process of its own (or several, one after another). Ratio: time of
transformers over ours, median of the rounds, its middle half, and of the quickest step of each. Load: processes that wanted to
run in the minute before; on 2 cores more than 2 disturb.

${line(header)}
${line(header.map(() => '---'))}
${lines.join('\n')}

transformers scores choices as lm-evaluation-harness does (every choice a row with the whole prefix, in padded batches of 8,
log-softmax over all positions), other text with one forward pass and its cross-entropy, and generates with \`generate\` and its
key-value cache; attention is sdpa.
`;
}

const environment = await environmentOf(options.isa);
const reference = options.torch && versions(options.torch);
const measured: Row[] = [];
for (const name of options.cases.split(',')) {
  measured.push(await measure(name));
  console.error(JSON.stringify(measured.at(-1)));
}
if (options.out) {
  const name = resultsName('inference', options.isa);
  const rows = await withEarlier(options.out, name, measured, (row) => row.case, Object.keys(cases));
  await writeResults(options.out, name, { reference, rows }, markdown(rows, reference));
}
console.log(markdown(measured, reference));
