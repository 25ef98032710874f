// Runs on another machine: an ssh server on loopback, with the real agent.
//   npm run build && node --import tsx bench/launch.ts [start attach fifty] [--rounds 5]     → bench/results/launch.json
//
// start   `strata run --on ssh:HOST` until the first metrics line is in the run directory here; bundle and data are in place
// attach  a run of 100,000 lines, seen for the first time, until the mirror is complete
// fifty   50 runs at work, 5 lines a second each, on one connection: how long a line takes to be here, and the agent's memory
import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import esbuild from 'esbuild';
import { stringify } from 'yaml';
import type { Order } from '../src/launch/place.ts';
import { keepMirrors } from '../src/launch/remote/mirror.ts';
import { remotePlace } from '../src/launch/remote/place.ts';
import { sshHost } from '../src/launch/ssh/host.ts';
import { type Home, home, layout } from '../src/record/layout.ts';
import { readMirror } from '../src/record/mirror.ts';
import type { Behaviour } from '../test/launch/program.ts';
import { type Lab, lab, labProcesses } from '../test/launch/ssh/lab.ts';
import { order } from '../test/launch/support.ts';
import { writeTinyModel } from '../test/tiny-model.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: options, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
const rounds = Number(options.rounds);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const ends: (() => Promise<void>)[] = [];
const afterwards = (work: () => Promise<void>) => void ends.push(work);
/** Seconds or megabytes with three digits. */
const rounded = (value: number) => Number(value.toPrecision(3));
const quantile = (values: readonly number[], share: number) =>
  rounded([...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!);

async function until(what: string, holds: () => boolean | Promise<boolean>, limit = 120_000): Promise<void> {
  for (const begun = performance.now(); !(await holds()); await pause(10))
    if (performance.now() - begun > limit) throw new Error(`not so after ${limit / 1000} s: ${what}`);
}

const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

async function start(): Promise<object> {
  const host = await lab({ node: true }, afterwards);
  const folder = join(host.folder, 'work');
  await mkdir(join(host.folder, 'config', 'strata'), { recursive: true });
  await writeFile(join(host.folder, 'config', 'strata', 'config.yaml'), stringify(host.settings));
  for (const name of ['base', 'data']) await cp(join(root, 'samples', name), join(folder, name), { recursive: true });
  const text = await readFile(join(root, 'samples', 'shallow-vs-rivals.strata.yaml'), 'utf8');
  const file = join(folder, 'bench.strata.yaml');
  await writeFile(file, text.replace(/^analysis:.*$/m, ''));
  const runs = home(join(folder, '.strata')).runs;
  const strata = (...args: string[]) => [join(root, 'dist/strata.mjs'), ...args];
  const run = strata('run', file, '--arm', 's', '--on', `ssh:${host.alias}`, '--fresh', '--detach');
  const seconds: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = new Set(existsSync(runs) ? readdirSync(runs) : []);
    const begun = performance.now();
    const child = spawn(process.execPath, run, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const fresh = () => (existsSync(runs) ? readdirSync(runs).find((id) => !before.has(id)) : undefined);
    await until('the first line is here', () => {
      const id = fresh();
      return id !== undefined && sizeOf(join(runs, id, layout.metrics(0))) > 0;
    });
    // The first round puts bundle and data there.
    if (round > 0) seconds.push((performance.now() - begun) / 1000);
    await exited;
    const { id } = { id: fresh()! };
    await until('the run has ended', async () => (await readMirror(join(runs, id)))?.complete === true);
  }
  return { seconds: seconds.map(rounded), median: quantile(seconds, 0.5), limit: 3 };
}

interface Far {
  host: Lab;
  here: Home;
  place: ReturnType<typeof remotePlace>;
  /** Keeps the mirrors in this process until `stop`. */
  mirror(): { stop(): Promise<void> };
  /** Run directories there. */
  runs: string;
}

/** A host whose worker computes nothing: test/launch/program.ts stands in for the command line there. */
async function far(): Promise<Far> {
  const host = await lab({ node: true }, afterwards);
  const dist = join(host.folder, 'dist');
  await mkdir(dist);
  for (const name of ['agent.mjs', 'sandbox.mjs']) await cp(join(root, 'dist', name), join(dist, name));
  await esbuild.build({
    entryPoints: [join(root, 'test/launch/program.ts')],
    outfile: join(dist, 'strata.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  const here = home(join(host.folder, 'here', '.strata'));
  const reached = sshHost(host.alias, { settings: host.settings, dist });
  const record = { kind: 'ssh', host: host.alias } as const;
  // The mirror is kept by this process, so none is to be started.
  const idle = [process.execPath, '-e', ''] as const;
  const place = remotePlace(here, { record, host: reached, placement: { kind: 'local' }, program: [...idle] });
  const mirror = () => {
    const controller = new AbortController();
    const done = keepMirrors(here, record, reached, controller.signal);
    return {
      async stop() {
        controller.abort();
        await done;
      },
    };
  };
  return { host, here, place, mirror, runs: join(host.home, '.local/share/strata/runs') };
}

/** What a run reads has to be there: a tiny model. */
async function orderOf(far: Far, id: string, behaviour: Behaviour): Promise<Order> {
  const model = join(far.host.folder, 'model');
  if (!existsSync(model)) await writeTinyModel(model);
  const one = order(id, behaviour);
  return { ...one, request: { ...one.request, sources: { model } } };
}

async function attach(): Promise<object> {
  const there = await far();
  const { here, place, mirror, runs } = there;
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const id = `bench-attach-${round}-0000000${round}`;
    await place.order([await orderOf(there, id, { records: 100_000, every: 0, work: 0 })]);
    await until('it has ended there', () => existsSync(join(runs, id, layout.exit(0))));
    const begun = performance.now();
    const { stop } = mirror();
    await until('it is complete here', async () => (await readMirror(join(here.runs, id)))?.complete === true);
    seconds.push((performance.now() - begun) / 1000);
    await stop();
  }
  const lines =
    readFileSync(join(here.runs, 'bench-attach-0-00000000', layout.metrics(0)), 'utf8').split('\n').length - 1;
  return { lines, seconds: seconds.map(rounded), median: quantile(seconds, 0.5), limit: 2 };
}

async function fifty(): Promise<object> {
  const there = await far();
  const { host, here, place, mirror, runs } = there;
  const ids = Array.from({ length: 50 }, (_, i) => `bench-fifty-${i}-000000${String(i).padStart(2, '0')}`);
  const orders: Order[] = [];
  for (const id of ids) orders.push(await orderOf(there, id, { records: 100_000, every: 200 }));
  await place.order(orders, { jobs: 50 });
  const { stop } = mirror();
  const file = (folder: string, id: string) => join(folder, id, layout.metrics(0));
  await until('all are at work', () => ids.every((id) => sizeOf(file(here.runs, id)) > 0), 300_000);
  await pause(3000);
  const lags: number[] = [];
  const pending = new Map<string, { at: number; size: number }[]>(ids.map((id) => [id, []]));
  for (const begun = performance.now(); performance.now() - begun < 20_000; await pause(20)) {
    for (const id of ids) {
      const waiting = pending.get(id)!;
      const size = sizeOf(file(runs, id));
      const now = performance.now();
      if (size > (waiting.at(-1)?.size ?? 0)) waiting.push({ at: now, size });
      const arrived = sizeOf(file(here.runs, id));
      while (waiting.length > 0 && waiting[0]!.size <= arrived) lags.push((now - waiting.shift()!.at) / 1000);
    }
  }
  // The one that serves this client has no arguments; supervisors and dispatcher are the same program with a verb.
  const agents = labProcesses(host.folder, 'agent.mjs').filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith('agent.mjs\0'),
  );
  const memory = agents.map(
    (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
  );
  const connections = readFileSync(join(host.folder, 'sshd.log'), 'utf8').match(/^Accepted publickey/gm)?.length;
  await stop();
  for (const id of ids) await writeFile(join(runs, id, 'enough'), '');
  return {
    runs: ids.length,
    connections,
    agents: agents.length,
    lines: lags.length,
    lag_p50: quantile(lags, 0.5),
    lag_p95: quantile(lags, 0.95),
    lag_limit: 1,
    agent_megabytes: rounded(Math.max(...memory)),
    memory_limit: 80,
  };
}

const parts = { start, attach, fifty };
const chosen = (positionals.length > 0 ? positionals : Object.keys(parts)) as (keyof typeof parts)[];
const file = join(root, 'bench/results/launch.json');
const results: Record<string, unknown> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const cache = await mkdtemp(join(tmpdir(), 'strata-bench-launch-'));
process.env['XDG_CACHE_HOME'] = cache;
await promisify(execFile)(process.execPath, [join(root, 'scripts/build.mjs'), 'strata', 'agent', 'sandbox']);
try {
  for (const name of chosen) {
    const load = loadavg()[0]!;
    const result = await parts[name]();
    results[name] = { ...result, machine: { processor: cpus()[0]?.model, cores: cpus().length, load: rounded(load) } };
    console.log(name, JSON.stringify(result));
    await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
    for (const end of ends.splice(0)) await end();
  }
} finally {
  for (const end of ends.splice(0)) await end();
  await rm(cache, { recursive: true, force: true });
}
