import { fork } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import esbuild from 'esbuild';
import { mended } from '../../scripts/mended.mjs';
import { root } from '../support.ts';

/** Cases that share a seed of fast-check: `seed + batch`. */
export const batchSize = 100;

/** A case that a reader did not survive as it should. `seed` and `path` are those of fast-check, after shrinking. */
export interface Found {
  seed: number;
  path: string;
  file: string;
  reason: string;
}

export type FromWorker =
  | { type: 'batch'; batch: number }
  | { type: 'done'; cases: number; refused: number }
  | { type: 'found'; found: Found };

export interface Options {
  count: number;
  seed: number;
  /** Batches before are left out. */
  first?: number;
  /** No further batch is begun after so many seconds. */
  seconds?: number;
  /** Milliseconds of processor time that one case may take. */
  limit?: number;
  /** MiB of heap. */
  heap?: number;
}

export interface Report {
  reader: string;
  cases: number;
  /** Cases that were refused with a sentence; the others were read. */
  refused: number;
  found: Found[];
  /** The first batch that was not begun. */
  next: number;
}

/** Thousands of small files that are made durable: in memory, where there is such a file system. */
const inMemory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** The worker as one file, so that it starts quickly. The owner removes it. */
export async function buildWorker(): Promise<string> {
  const outfile = join(root, 'node_modules', '.cache', 'strata-test', `fuzz-${process.pid}.mjs`);
  await esbuild.build({
    entryPoints: [join(root, 'test/fuzz/work.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    external: ['esbuild', 'onnxruntime-node', 'fast-check'],
    loader: { '.wasm': 'binary' },
    plugins: [mended],
    define: { 'import.meta.url': JSON.stringify(`file://${join(root, 'test', 'support.ts')}`) },
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(process.argv[1]);",
    },
  });
  return outfile;
}

/**
 * Lets a reader read `count` changed files, in processes that are ended when a case hangs, asks for too much memory or takes
 * the process with it; the fuzzing goes on with the batch after.
 */
export async function fuzz(worker: string, reader: string, options: Options): Promise<Report> {
  const { count, first = 0, seconds = Number.POSITIVE_INFINITY } = options;
  const report: Report = { reader, cases: 0, refused: 0, found: [], next: first };
  const end = first + Math.ceil(count / batchSize);
  const until = performance.now() + seconds * 1000;
  while (report.next < end && performance.now() < until) {
    const folder = await mkdtemp(join(inMemory, 'strata-fuzz-'));
    try {
      await once(
        worker,
        reader,
        { ...options, count: count - (report.next - first) * batchSize },
        folder,
        report,
        until,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return report;
}

/** One process, until it has done all, or ends otherwise. */
function once(
  worker: string,
  reader: string,
  { count, seed, limit = 10_000, heap = 256 }: Options,
  folder: string,
  report: Report,
  until: number,
): Promise<void> {
  return new Promise((resolve) => {
    const args = [reader, seed, report.next, count, folder].map(String);
    const child = fork(worker, args, {
      execArgv: [`--max-old-space-size=${heap}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr!.on('data', (data) => {
      said = (said + data).slice(-4000);
    });
    let batch = report.next;
    let stopped: string | undefined;
    const stop = (why: string) => {
      stopped ??= why;
      child.kill('SIGKILL');
    };
    child.on('message', (message: FromWorker) => {
      if (message.type === 'batch') {
        batch = message.batch;
        if (performance.now() > until) stop('');
      } else if (message.type === 'found') report.found.push(message.found);
      else {
        report.cases += message.cases;
        report.refused += message.refused;
        report.next = batch + 1;
      }
    });
    let seen = '';
    let [since, busySince] = [performance.now(), 0];
    const watch = setInterval(
      () => {
        const [now, time, busy] = [look(folder), performance.now(), processorTime(child.pid!)];
        if (now !== seen) [seen, since, busySince] = [now, time, busy];
        // On a busy machine a case may wait long for its turn; what it computes is its own.
        else if (busy - busySince > limit || time - since > patience * limit) stop(`no end after ${limit} ms`);
      },
      Math.min(500, limit / 4),
    );
    child.on('close', (code, signal) => {
      clearInterval(watch);
      if (code !== 0 && stopped !== '') {
        const why = stopped ?? `the process ended with ${signal ?? code}: ${reasonIn(said)}`;
        const { file = '?' } = parsed(look(folder));
        report.found.push({ seed: seed + batch, path: '', file, reason: `${file}: ${why}` });
        keep(folder, file, `${reader}-${seed + batch}`);
        report.next = batch + 1;
      }
      resolve();
    });
  });
}

/** How much longer than `limit` a case may take that computes nothing, or whose processor time is not told. */
const patience = 12;

/** Milliseconds that a process has computed; 0 where nobody tells. */
function processorTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

const look = (folder: string): string => {
  try {
    return readFileSync(join(folder, 'at'), 'utf8');
  } catch {
    return '';
  }
};

function parsed(text: string): { file?: string } {
  try {
    return JSON.parse(text) as { file: string };
  } catch {
    return {};
  }
}

const reasonIn = (said: string): string =>
  /(FATAL ERROR: .*|\w*(?:Error|Failure)\b.*: .*)/.exec(said)?.[1] ?? said.trim().split('\n').at(-1) ?? '';

/** The file of a case that ended its process, for whoever looks into it: where STRATA_FUZZ_KEEP says. */
function keep(folder: string, file: string, name: string): void {
  const to = process.env['STRATA_FUZZ_KEEP'];
  if (to === undefined) return;
  mkdirSync(to, { recursive: true });
  try {
    copyFileSync(join(folder, 'world', file), join(to, `${name}-${file.replaceAll('/', '_')}`));
  } catch {
    // It ended before it had written one.
  }
}
