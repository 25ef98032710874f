/**
 * A program with Strata's own processes and a worker that computes nothing: `__work` behaves as the request's arm says
 * (a JSON object), so that tests of launch need no engine. Every start of a worker leaves a line in `workers.log`.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode, toProblem } from '../../src/base/problem.ts';
import { dispatch } from '../../src/launch/dispatcher.ts';
import { localPlace } from '../../src/launch/local.ts';
import type { Order } from '../../src/launch/place.ts';
import { ownProgram } from '../../src/launch/program.ts';
import { Connection } from '../../src/launch/remote/connection.ts';
import { keepMirrors } from '../../src/launch/remote/mirror.ts';
import { pipeHost } from '../../src/launch/remote/pipe.ts';
import { runTask, taskEnvironment } from '../../src/launch/slurm/task.ts';
import { supervise } from '../../src/launch/supervisor.ts';
import { AttemptWriter } from '../../src/record/append.ts';
import { exitCodeOf } from '../../src/record/exit-codes.ts';
import { home } from '../../src/record/layout.ts';
import type { RunRequest } from '../../src/record/types.ts';
import { tcpHost } from './remote/tcp-host.ts';

export interface Behaviour {
  /** Milliseconds of "work". */
  work?: number;
  exit?: number;
  /** Leave nothing missing, so that the same work again is finished. */
  whole?: boolean;
  /** Take no notice of TERM. */
  deaf?: boolean;
  /** Start a child that leaves the process group and the session; its pid is written to `escaped`. */
  escape?: boolean;
  /** Fill the disk on which the run lives, then fail as a worker would. */
  fill?: boolean;
  /** Write a file of a folder in the run directory all the time, making both where they are not, as checkpoints do. */
  checkpoints?: boolean;
  stderr?: string;
  /**
   * Write so many records, one each `every` milliseconds (0: all at once), then scores and samples; fewer once there is a file
   * `enough` in the run directory.
   */
  records?: number;
  every?: number;
}

function sleepForEver(): void {
  setInterval(() => {}, 1000);
}

async function work(folder: string, attempt: number): Promise<void> {
  appendFileSync(join(folder, 'workers.log'), `${attempt} ${process.pid}\n`);
  const request = JSON.parse(readFileSync(join(folder, `request.${attempt}.json`), 'utf8')) as RunRequest;
  const behaviour = JSON.parse(request.arm) as Behaviour;
  process.on('SIGTERM', () => {
    if (!behaviour.deaf) process.exit(143);
  });
  process.on('SIGUSR1', () => process.exit(75));
  if (behaviour.stderr) process.stderr.write(`${behaviour.stderr}\n`);
  if (behaviour.escape) {
    const child = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], {
      detached: true,
      stdio: 'ignore',
    });
    writeFileSync(join(folder, 'escaped'), String(child.pid));
    child.unref();
  }
  if (behaviour.checkpoints) {
    setInterval(() => {
      mkdirSync(join(folder, 'checkpoint'), { recursive: true });
      writeFileSync(join(folder, 'checkpoint', 'step'), String(Date.now()));
    }, 20);
  }
  if (behaviour.fill) {
    try {
      for (;;) appendFileSync(join(folder, 'ballast'), Buffer.alloc(4096, 1));
    } catch (error) {
      process.stderr.on('error', () => {});
      process.stderr.write(`disk: ${systemCode(error)}\n`);
      process.exit(exitCodeOf(toProblem(error)));
    }
  }
  if (behaviour.records !== undefined) await writeRecords(folder, attempt, behaviour.records, behaviour.every ?? 0);
  if (behaviour.whole) writeWhole(folder, 'tensors.json', '{}');
  if (behaviour.work === undefined) return sleepForEver();
  setTimeout(() => process.exit(behaviour.exit ?? 0), behaviour.work);
}

/** What a training leaves: steps, events, lines on both outputs, and results that are written whole. */
async function writeRecords(folder: string, attempt: number, records: number, every: number): Promise<void> {
  const writer = new AttemptWriter(folder, attempt);
  writer.event({ type: 'stage', stage: 'train', state: 'started' });
  for (let step = 1; step <= records; step++) {
    const loss = Math.round(1e6 / step) / 1e6;
    writer.step({ step, tokens: step * 8, loss, grad_norm: 1, lr: 1e-3, tokens_per_second: 100, wall: step });
    if (step % 25 === 0) {
      writer.event({ type: 'checkpoint', step });
      process.stdout.write(`step ${step}: é漢字 "quoted" \\ \0\n`);
      process.stderr.write(`${'x'.repeat(step % 97)}\n`);
      writeWhole(folder, 'scores.json', JSON.stringify({ recall: { acc: { value: step, stderr: null, n: step } } }));
    }
    if (every === 0) continue;
    if (existsSync(join(folder, 'enough'))) break;
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  mkdirSync(join(folder, 'samples'), { recursive: true });
  const samples = Array.from({ length: Math.min(records, 1000) }, (_, i) =>
    JSON.stringify({ doc_id: i, prompt_hash: 'p', acc: 1 }),
  );
  writeWhole(folder, join('samples', 'recall.jsonl'), `${samples.join('\n')}\n`);
  process.stdout.write('no newline at the end');
  writer.close();
}

function writeWhole(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, `${name}.part`), text);
  renameSync(join(folder, `${name}.part`), join(folder, name));
}

/** The process that keeps mirrors; the machine is behind the port in the environment, instead of behind ssh. */
async function mirror(folder: string, place: string): Promise<void> {
  const host = place.replace(/^ssh:/, '');
  const { port, root } = JSON.parse(process.env['STRATA_TEST_HOST']!) as { port: number; root: string };
  await keepMirrors(home(folder), { kind: 'ssh', host }, tcpHost(host, port, root));
}

/** Orders what stands in a file and wakes the dispatcher, as `strata run --detach` does; prints the outcomes. */
async function start(folder: string, ordersFile: string): Promise<void> {
  const place = localPlace(home(folder), ownProgram());
  const placed = await place.order(JSON.parse(readFileSync(ordersFile, 'utf8')) as Order[]);
  await place.wake(1);
  process.stdout.write(`${JSON.stringify(placed.map(({ outcome }) => outcome))}\n`);
}

/** Asks a machine for what stands in a file, once; the agent is a child of this process. */
async function ask(root: string, ordersFile: string): Promise<void> {
  const agent = JSON.parse(process.env['STRATA_TEST_AGENT']!) as [string, ...string[]];
  const connection = await Connection.open(pipeHost('there', agent, root), { interactive: false });
  const orders = JSON.parse(readFileSync(ordersFile, 'utf8')) as Order[];
  await connection.value('start', { orders, token: randomUUID(), placement: { kind: 'local' } });
  await connection.close();
}

const [verb, folder, attempt] = process.argv.slice(2);
if (verb === '__dispatch') await dispatch(folder!, ownProgram());
else if (verb === '__supervise') await supervise(folder!, Number(attempt), ownProgram());
else if (verb === '__slurm') process.exit(await runTask(folder!, taskEnvironment(), ownProgram()));
else if (verb === 'start') await start(folder!, attempt!);
else if (verb === 'ask') await ask(folder!, attempt!);
else if (verb === '__mirror') await mirror(folder!, attempt!);
else if (verb === '__work') await work(folder!, Number(attempt));
else throw new Error(`unknown verb ${verb}`);
if (verb !== '__work') process.exit(0);
