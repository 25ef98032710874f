import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Random, random } from '../../src/base/random.ts';
import { workerEnvironment } from '../../src/launch/worker-environment.ts';

export interface Answer {
  ms: number;
  loss: number;
  /** New tokens, where a step generates. */
  ids?: number[];
  peakMB: number;
}
/** An engine that waits in a process of its own. */
interface Engine {
  name: string;
  child: ChildProcess;
  step(): Promise<Answer>;
}

/** `environment` is added to this process's own. */
export function startEngine(
  name: string,
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Engine {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...environment } });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    name,
    child,
    async step() {
      child.stdin!.write('\n');
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`${name} ended`);
        if (value.startsWith('{')) return JSON.parse(value) as Answer;
      }
    },
  };
}

/** A script of ours (TypeScript) as an engine, with the memory that a run's worker gets. */
export function startOwnEngine(
  name: string,
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Engine {
  const env = { ...(workerEnvironment() as Record<string, string>), ...environment };
  return startEngine(name, process.execPath, ['--import', 'tsx', script, ...args], env);
}

/**
 * Environment in which an engine sees no AVX-512 (see hide-avx512.c): `isa` is `native` or `avx2`. Needs a C compiler, Linux and
 * a processor with CPUID faulting.
 */
export async function environmentOf(isa: string): Promise<Record<string, string>> {
  if (isa === 'native') return {};
  if (isa !== 'avx2') throw new Error(`no instruction set ${isa}; there are native and avx2`);
  const library = join(await mkdtemp(join(tmpdir(), 'strata-bench-')), 'hide-avx512.so');
  const source = fileURLToPath(new URL('hide-avx512.c', import.meta.url));
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'inherit' });
  return { LD_PRELOAD: library };
}

export interface Series {
  name: string;
  /** The first step, from the common start. */
  first: Answer;
  answers: Answer[];
}

/**
 * Engines do single steps in turn, in random order in each round, after two steps of warm-up: cores that others share drift
 * by ±20 % within a minute, which runs one after the other would take for a difference.
 */
export async function duel(engines: readonly Engine[], rounds: number): Promise<Series[]> {
  const generator = random('duel');
  const series: Series[] = [];
  for (const engine of engines) {
    series.push({ name: engine.name, first: await engine.step(), answers: [] });
    await engine.step();
  }
  for (let round = 0; round < rounds; round++)
    for (const i of shuffled(engines.length, generator)) series[i]!.answers.push(await engines[i]!.step());
  for (const { child } of engines) child.stdin!.end();
  return series;
}

function shuffled(n: number, generator: Random): number[] {
  return Array.from({ length: n }, (_, i) => ({ i, key: generator.float() }))
    .sort((a, b) => a.key - b.key)
    .map(({ i }) => i);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
