import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import esbuild from 'esbuild';
import type { Order } from '../../src/launch/place.ts';
import type { Program } from '../../src/launch/program.ts';
import { type Home, home } from '../../src/record/layout.ts';
import { readRun } from '../../src/record/read.ts';
import type { Run, RunState } from '../../src/record/types.ts';
import { root } from '../support.ts';
import { processesOf } from './processes.ts';
import type { Behaviour } from './program.ts';

export { processesOf };

/** The test's program as one file, so that its many processes start quickly. */
export async function buildProgram(folder: string): Promise<Program> {
  const outfile = join(folder, 'program.mjs');
  await esbuild.build({
    entryPoints: [join(root, 'test/launch/program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  return [process.execPath, outfile];
}

/** A place in a temporary folder. Whatever still runs there at the end of the file is killed, by pid and identity. */
export async function temporaryPlace(): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-launch-'));
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  after(async () => {
    for (const pid of processesOf(folder)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return home(join(folder, '.strata'));
}

export function order(id: string, behaviour: Behaviour, more: Partial<Order> = {}): Order {
  return {
    id,
    fresh: false,
    spec: { engine_semantics: 1, model: 'a'.repeat(64), surgery: {}, trained: [], device: 'cpu' },
    request: {
      experiment: { file: '/x/demo.strata.yaml', stem: 'demo' },
      arm: JSON.stringify(behaviour),
      hash: 'b'.repeat(64),
      sources: { model: '/x/base' },
      tasks: [],
      threads: 1,
      version: '0',
    },
    ...more,
  };
}

/** Waits until a run is in one of the states. Throws after 20 s with what it is instead. */
export async function until(folder: string, ...wanted: RunState[]): Promise<Run> {
  for (let i = 0; ; i++) {
    const run = await readRun(folder);
    if (wanted.includes(run.state)) return run;
    if (i > 400) throw new Error(`${run.id} is ${run.state} (${run.reason}), not ${wanted.join(' or ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until `holds`; throws after so many seconds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (let i = 0; !(await holds()); i++) {
    if (i > seconds * 20) throw new Error(`not so after ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Attempts whose worker was started, from the log that workers leave. */
export function workersOf(folder: string): number {
  return readFileSync(join(folder, 'workers.log'), 'utf8').trim().split('\n').length;
}

/**
 * Runs `work` in a file system of its own of so many MiB; the test is skipped with the reason where none can be mounted.
 */
export async function onSmallDisk(
  t: TestContext,
  mebibytes: number,
  work: (folder: string) => Promise<void>,
  more = '',
): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return t.skip('a small tmpfs can be mounted by root on Linux only');
  }
  const folder = await mkdtemp(join(tmpdir(), 'strata-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700${more}`, 'tmpfs', folder], {
      stdio: 'pipe',
    });
  } catch (error) {
    await rm(folder, { recursive: true });
    return t.skip(`no tmpfs could be mounted: ${(error as Error).message.split('\n')[0]}`);
  }
  try {
    await work(folder);
  } finally {
    execFileSync('umount', ['-l', folder]);
    await rm(folder, { recursive: true });
  }
}
