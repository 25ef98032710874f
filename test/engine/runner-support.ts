import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import esbuild from 'esbuild';
import { loadExperiment } from '../../src/cli/experiment-argument.ts';
import { placeOrders } from '../../src/launch/order.ts';
import type { Program } from '../../src/launch/program.ts';
import { orderOf } from '../../src/launch/submit.ts';
import type { Plan } from '../../src/plan/types.ts';
import { homeOf, layout } from '../../src/record/layout.ts';
import type { Run } from '../../src/record/types.ts';
import { root } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';

/** The program as one file beside onnxruntime, so that its many processes start quickly. */
export async function buildStrata(name: string): Promise<Program> {
  // Tests of others may build at the same time: each has a file of its own.
  const outfile = join(root, 'node_modules', '.cache', 'strata-test', `${name}-${process.pid}.mjs`);
  after(() => rm(outfile, { force: true }));
  await esbuild.build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    external: ['onnxruntime-node'],
    loader: { '.wasm': 'binary' },
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  });
  return [process.execPath, outfile];
}

const people = ['Ada', 'Bob', 'Cyd', 'Dan', 'Eve', 'Fay', 'Gus', 'Hal'];
const towns = ['Rome', 'Oslo', 'Lima', 'Bern'];

/** A small world: a random model, a corpus of facts, general text, a choice task and a generation task. */
export async function writeWorld(folder: string): Promise<void> {
  await writeTinyModel(join(folder, 'base'), { layers: 4, hidden: 32 });
  await mkdir(join(folder, 'data'), { recursive: true });
  const lines = (name: string, rows: object[]) =>
    writeFile(join(folder, 'data', name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const town = (i: number) => (i * 7 + 3) % towns.length;
  const count = (n: number) => Array.from({ length: n }, (_, i) => i);
  const name = (i: number) => `${people[i % people.length]} ${i}`;
  await lines(
    'facts.jsonl',
    count(64).map((i) => ({ text: `${name(i)} lives in ${towns[town(i)]}.` })),
  );
  await lines(
    'recall.jsonl',
    count(16).map((i) => ({ context: `${name(i)} lives in`, choices: towns, answer: town(i) })),
  );
  await lines(
    'sums.jsonl',
    count(6).map((i) => ({ context: `twice ${i} is`, answer: String(2 * i) })),
  );
  const general = count(40).map((i) => `The number ${i} is followed by ${i + 1}, and twice ${i} is ${2 * i}.`);
  await writeFile(join(folder, 'data', 'general.txt'), general.join('\n\n'));
}

/** An experiment over that world; `more` replaces top-level parts of the text. */
export function experiment(
  more: { arms?: string; training?: string; evaluation?: string; tasks?: string } = {},
): string {
  return `strata: 1
title: Tiny
model: base
corpora:
  facts: { files: data/facts.jsonl, field: text }
  general: { files: [data/general.txt], split: paragraph, holdout: 0.2 }
tasks:
  recall: { kind: choice, files: data/recall.jsonl }
  sums: { kind: generate, files: data/sums.jsonl, stop: ["."], max_tokens: 6 }
${more.tasks ?? ''}
arms:
${more.arms ?? '  s: { expand: { after: [0, 1], init: average }, prune: { last: 1 }, train: [new] }'}
training:
  corpus: facts
  replay: { corpus: general, share: 0.25 }
  steps: 40
  batch: 4
  micro_batch: 2
  sequence: 48
  learning_rate: 1e-2
  checkpoint_every: 7
${more.training ?? ''}
${more.evaluation ?? "evaluation: { tasks: [recall, sums, 'perplexity:general'], every: 15 }"}
device: cpu
`;
}

/** The plan of a text that is written as `name` into the folder of the world. */
export async function planOf(folder: string, name: string, text: string): Promise<Plan> {
  const file = join(folder, `${name}.strata.yaml`);
  await writeFile(file, text);
  const said: string[] = [];
  const io = {
    cwd: folder,
    out: (line: string) => void said.push(line),
    err: (line: string) => void said.push(line),
    json: false,
    terminal: false,
    columns: 80,
    colour: false,
  };
  try {
    return (await loadExperiment(io, file, { depth: 'all', threads: 1 })).plan;
  } catch (error) {
    throw new Error(`${said.join('\n')}\n${error}`, { cause: error });
  }
}

/** The run directories of a plan, as `strata run` makes them; nothing is started. */
export async function placeRuns(plan: Plan, fresh = false): Promise<Run[]> {
  const options = { fresh, threads: 1 };
  const orders = plan.runs.map((run) => orderOf(plan, run, options));
  const placed = await placeOrders(homeOf(plan.experiment.file), { kind: 'local' }, orders);
  return placed.map(({ run }) => run);
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

/** Starts a worker directly, without dispatcher and supervisor, so that a test decides how it ends. */
export function startWorker(
  program: Program,
  folder: string,
  attempt: number,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(program[0], [...program.slice(1), '__work', folder, String(attempt)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr!.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return { child, ended };
}

/** Carries an attempt out to its end. */
export const work = (program: Program, folder: string, attempt = 0) => startWorker(program, folder, attempt).ended;

/** sha256 of each file under `folder` whose path passes, by path. */
export async function hashFiles(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of names) {
    for (const entry of await readdir(join(folder, name), { withFileTypes: true, recursive: true }).catch(() => [])) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      hashes[path.slice(folder.length + 1)] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    }
  }
  return hashes;
}

export function readEventsNow(folder: string, attempt = 0): string {
  try {
    return readFileSync(join(folder, layout.events(attempt)), 'utf8');
  } catch {
    return '';
  }
}

export const folderOf = (plan: Plan) => dirname(plan.experiment.file);
