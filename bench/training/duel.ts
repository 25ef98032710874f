import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Random, random } from '../../src/base/random.ts';

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

export function startEngine(name: string, command: string, args: readonly string[]): Engine {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
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
