/**
 * A program with Strata's own processes and a worker that computes nothing: `__work` behaves as the request's arm says
 * (a JSON object), so that tests of launch need no engine. Every start of a worker leaves a line in `workers.log`.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toProblem } from '../../src/base/problem.ts';
import { dispatch } from '../../src/launch/dispatcher.ts';
import { localPlace } from '../../src/launch/local.ts';
import type { Order } from '../../src/launch/place.ts';
import { ownProgram } from '../../src/launch/program.ts';
import { supervise } from '../../src/launch/supervisor.ts';
import { exitCodeOf } from '../../src/record/exit-codes.ts';
import { home } from '../../src/record/layout.ts';
import type { RunRequest } from '../../src/record/types.ts';

export interface Behaviour {
  /** Milliseconds of "work". */
  work?: number;
  exit?: number;
  /** Take no notice of TERM. */
  deaf?: boolean;
  /** Start a child that leaves the process group and the session; its pid is written to `escaped`. */
  escape?: boolean;
  /** Fill the disk on which the run lives, then fail as a worker would. */
  fill?: boolean;
  /** Write a file of a folder in the run directory all the time, making both where they are not, as checkpoints do. */
  checkpoints?: boolean;
  stderr?: string;
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
      process.stderr.write(`disk: ${(error as NodeJS.ErrnoException).code}\n`);
      process.exit(exitCodeOf(toProblem(error)));
    }
  }
  if (behaviour.work === undefined) return sleepForEver();
  setTimeout(() => process.exit(behaviour.exit ?? 0), behaviour.work);
}

/** Orders what stands in a file and wakes the dispatcher, as `strata run --detach` does; prints the outcomes. */
async function start(folder: string, ordersFile: string): Promise<void> {
  const place = localPlace(home(folder), ownProgram());
  const placed = await place.order(JSON.parse(readFileSync(ordersFile, 'utf8')) as Order[]);
  await place.wake(1);
  process.stdout.write(`${JSON.stringify(placed.map(({ outcome }) => outcome))}\n`);
}

const [verb, folder, attempt] = process.argv.slice(2);
if (verb === '__dispatch') await dispatch(folder!, ownProgram());
else if (verb === '__supervise') await supervise(folder!, Number(attempt), ownProgram());
else if (verb === 'start') await start(folder!, attempt!);
else if (verb === '__work') await work(folder!, Number(attempt));
else throw new Error(`unknown verb ${verb}`);
if (verb !== '__work') process.exit(0);
