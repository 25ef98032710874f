// HumanEval in the sandbox: the reference solutions, all of which must pass, and the same with a body that returns something else,
// all of which must fail; and the time that takes.
//   node --import tsx bench/humaneval.ts HumanEval.jsonl.gz [--out FOLDER]        (after npm run build)
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { readDocuments } from '../src/data/benchmark-data.ts';
import { runAll } from '../src/evaluate/program.ts';
import { openSandbox } from '../src/evaluate/sandbox/open.ts';
import { benchmarkOf } from '../src/tasks/benchmarks.ts';
import { machine, today, writeResults } from './results.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' } },
});
const [file] = positionals;
const row = benchmarkOf('humaneval');
if (file === undefined || row?.form !== 'program') throw new Error('which file holds HumanEval?');
const problems = (await readDocuments(row, row.read, 'test', [file])).map((d) => d.question);

const load = loadavg()[0]!;
const began = performance.now();
const seconds = () => Number(((performance.now() - began) / 1000).toFixed(1));
const sandbox = await openSandbox('pyodide');
const opened = seconds();
const count = async (programs: string[]) =>
  (await runAll(sandbox, programs, () => {})).filter((verdict) => verdict.passed).length;
const passed = await count(problems.map((p) => p.program(p.solution)));
const solutions = seconds();
const mutated = await count(problems.map((p) => p.program(`    return None\n${p.solution}`)));
const all = seconds();
await sandbox.close();

const result = {
  date: today(),
  machine: machine(),
  load_before: Number(load.toFixed(1)),
  sandbox: sandbox.description,
  problems: problems.length,
  solutions_passed: passed,
  mutated_passed: mutated,
  seconds: {
    opened,
    solutions: Number((solutions - opened).toFixed(1)),
    mutated: Number((all - solutions).toFixed(1)),
    all,
  },
  asked: { all: 180 },
};
console.log(JSON.stringify(result, null, 2));
if (options.out !== undefined) await writeResults(options.out, 'humaneval', result);
if (passed !== problems.length || mutated !== 0) process.exitCode = 1;
