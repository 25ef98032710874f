// What `plan` predicts of peak memory and time against what is measured: for each case a calibration and some steps of a real
// training take turns, in processes of their own.
//   node --import tsx bench/predictions.ts [--cases mini,small] [--rounds 3] [--steps 3] [--threads 2] [--out bench/results]
// With --out, cases measured before stay in the file unless they are measured again.
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peakMemory, stepSeconds } from '../src/plan/cost.ts';
import type { Speed } from '../src/plan/types.ts';
import { cases, stackFor, trainedOf } from './predictions/cases.ts';
import { machine, today, withEarlier, writeResults } from './results.ts';
import { median, startEngine, startOwnEngine } from './training/duel.ts';
import { writeModelFolder } from './training/model.ts';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: Object.keys(cases).join(',') },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
});
/** What is promised: of peak memory and of time. */
const bounds = { memory: 0.15, time: 0.25 };

interface Row {
  case: string;
  what: string;
  predicted_mb: number;
  measured_mb: number;
  memory_error: number;
  /** Of the measured: the process's own, and pages of mapped files. */
  anonymous_mb: number;
  mapped_mb: number;
  predicted_ms: number;
  measured_ms: number;
  time_error: number;
  /** Of single calibrations, against the median measured. */
  calibrations_ms: number[];
  within: boolean;
}
type StepAnswer = { seconds: number; peak: number; anonymous: number; mapped: number };

async function measure(name: string): Promise<Row> {
  const of = cases[name];
  if (!of) throw new Error(`no case ${name}; there are ${Object.keys(cases).join(', ')}`);
  const folder = join(tmpdir(), `strata-predictions-${process.pid}`);
  await writeModelFolder(folder, of.config);
  const script = join(here, 'predictions/engine.ts');
  const training = startOwnEngine('case', script, ['case', name, folder, options.threads]);
  // `plan` measures in its own process, whose memory is as the system gives it.
  const probe = ['--import', 'tsx', script, 'probe', name, folder, options.threads];
  const calibration = startEngine('probe', process.execPath, probe);
  const steps: StepAnswer[] = [];
  const speeds: Speed[] = [];
  const next = async () => (await training.step()) as unknown as StepAnswer;
  await next();
  for (let round = 0; round < Number(options.rounds); round++) {
    speeds.push((await calibration.step()) as unknown as Speed);
    for (let i = 0; i < Number(options.steps); i++) steps.push(await next());
  }
  for (const { child } of [training, calibration]) child.stdin!.end();
  await rm(folder, { recursive: true });
  const [stack, trained, weights] = [stackFor(of), trainedOf(of), { dtype: 'float32', bytes: 4 } as const];
  const times = speeds.map((speed) => 1000 * stepSeconds(stack, trained, of.shape, weights, speed));
  const predicted = { mb: peakMemory(stack, trained, of.shape, weights) / 1e6, ms: median(times) };
  const last = steps.at(-1)!;
  const measured = { mb: last.peak / 1e6, ms: 1000 * median(steps.map((s) => s.seconds)) };
  const error = { memory: predicted.mb / measured.mb - 1, time: predicted.ms / measured.ms - 1 };
  return {
    case: name,
    what: of.what,
    predicted_mb: Math.round(predicted.mb),
    measured_mb: Math.round(measured.mb),
    memory_error: Number(error.memory.toFixed(3)),
    anonymous_mb: Math.round(last.anonymous / 1e6),
    mapped_mb: Math.round(last.mapped / 1e6),
    predicted_ms: Number(predicted.ms.toPrecision(4)),
    measured_ms: Number(measured.ms.toPrecision(4)),
    time_error: Number(error.time.toFixed(3)),
    calibrations_ms: times.map((t) => Number(t.toPrecision(4))),
    within: Math.abs(error.memory) <= bounds.memory && Math.abs(error.time) <= bounds.time,
  };
}

function markdown(rows: readonly Row[], machine: string): string {
  const percent = (x: number) => `${x >= 0 ? '+' : ''}${(100 * x).toFixed(0)} %`;
  const lines = rows.map((r) =>
    [
      r.what,
      r.predicted_mb,
      r.measured_mb,
      percent(r.memory_error),
      r.predicted_ms,
      r.measured_ms,
      percent(r.time_error),
      r.within ? 'yes' : 'no',
    ].join(' | '),
  );
  return `# Memory and time of a training, predicted and measured

${machine}. Peak: highest resident size of the process (VmHWM, mapped files included). Time: median step; calibrations of three
seconds and steps take turns, and the prediction is the median of the calibrations'. Promised: memory within ${100 * bounds.memory} %, time
within ${100 * bounds.time} %; here ${rows.filter((r) => r.within).length} of ${rows.length} are.

| training | predicted MB | measured MB | off | predicted ms | measured ms | off | within |
|---|---|---|---|---|---|---|---|
${lines.map((line) => `| ${line} |`).join('\n')}
`;
}

const rows: Row[] = [];
for (const name of options.cases.split(',')) {
  rows.push(await measure(name));
  console.error(JSON.stringify(rows.at(-1)));
}
const header = `${today()}, ${machine({ threads: options.threads })}`;
if (options.out) {
  const all = await withEarlier(options.out, 'predictions', rows, (row) => row.case, Object.keys(cases));
  const record = { machine: header, rounds: Number(options.rounds), rows: all };
  await writeResults(options.out, 'predictions', record, markdown(all, header));
} else console.log(markdown(rows, header));
