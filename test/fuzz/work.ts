/**
 * The process that reads changed files: `work.mjs READER SEED FIRST COUNT FOLDER`. It has a heap of its own size, so that a
 * reader that asks for too much ends it and not the fuzzer; which case that was is in `FOLDER/at`.
 */
import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { sentence, toProblem } from '../../src/base/problem.ts';
import { faults } from './faults.ts';
import { batchSize, type Found, type FromWorker } from './fuzz.ts';
import { mutate, mutations } from './mutate.ts';
import { peakMemory, restartPeak } from './peak.ts';
import type { Reader } from './reader.ts';
import { readers } from './readers.ts';

/** What a reader may take beside twice the file. */
const allowance = 64 * 2 ** 20;

const [, , name, seedText, firstText, countText, folder = ''] = process.argv;
const [seed, first, count] = [seedText, firstText, countText].map(Number) as [number, number, number];

const say = (message: FromWorker) => process.send?.(message);

/** Why what was thrown is not what a user may see, or undefined. */
function badRefusal(error: unknown): string | undefined {
  const problem = toProblem(error);
  if (!problem) return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
  const said = sentence(problem);
  if (!/[.!?)]$/.test(said.trim())) return `no sentence: ${problem.code}: ${said}`;
  if (said.length > 2000) return `a sentence of ${said.length} characters: ${problem.code}: ${said.slice(0, 200)}`;
  if (problem.place === undefined) return `no place: ${problem.code}: ${said}`;
  if (problem.remedy === undefined) return `no remedy: ${problem.code}: ${said}`;
  return undefined;
}

async function fuzz(reader: Reader): Promise<void> {
  const world = join(folder, 'world');
  mkdirSync(world, { recursive: true });
  await reader.seed(world);
  await reader.read(world);
  const seeds = reader.targets.map(({ file }) => readFileSync(join(world, file)));
  const at = openSync(join(folder, 'at'), 'w');
  let cases = 0;
  let refused = 0;

  /** Puts the changed file into its place, reads, and judges; the file is put back. */
  async function holds(target: number, how: Parameters<typeof mutate>[2]): Promise<void> {
    const { file, format } = reader.targets[target]!;
    const bytes = mutate(seeds[target]!, format, how);
    const path = join(world, file);
    writeFileSync(path, bytes);
    writeSync(at, `${JSON.stringify({ case: cases, file })}\n`.padEnd(200), 0);
    const before = restartPeak();
    try {
      await reader.read(world);
    } catch (error) {
      refused++;
      const bad = badRefusal(error);
      if (bad !== undefined) throw new Error(`${file}: ${bad}`);
    } finally {
      writeFileSync(path, seeds[target]!);
      cases++;
    }
    const used = peakMemory() - before;
    if (used > 2 * bytes.length + allowance)
      throw new Error(`${file}: ${Math.round(used / 2 ** 20)} MiB for a file of ${bytes.length} bytes`);
  }

  const target = fc.nat(reader.targets.length - 1);
  for (let batch = first; batch < first + Math.ceil(count / batchSize); batch++) {
    const numRuns = Math.min(batchSize, count - (batch - first) * batchSize);
    say({ type: 'batch', batch });
    const before = cases;
    const details = await fc.check(fc.asyncProperty(target, mutations, holds), {
      seed: seed + batch,
      numRuns,
      unbiased: true,
      interruptAfterTimeLimit: 240_000,
    });
    if (details.failed) {
      const [which, how] = details.counterexample ?? [0, []];
      const reason = details.errorInstance instanceof Error ? details.errorInstance.message : 'interrupted';
      const { file, format } = reader.targets[which]!;
      const found: Found = { seed: seed + batch, path: details.counterexamplePath ?? '', file, reason };
      if (process.env['STRATA_FUZZ_KEEP']) {
        const kept = join(
          process.env['STRATA_FUZZ_KEEP'],
          `${reader.name}-${seed + batch}-${file.replaceAll('/', '_')}`,
        );
        mkdirSync(process.env['STRATA_FUZZ_KEEP'], { recursive: true });
        writeFileSync(kept, mutate(seeds[which]!, format, how));
      }
      say({ type: 'found', found });
    }
    say({ type: 'done', cases: Math.min(numRuns, cases - before), refused });
    refused = 0;
  }
}

const reader = [...readers, ...faults].find((r) => r.name === name);
if (!reader) throw new Error(`there is no reader ${name}`);
await fuzz(reader);
process.disconnect();
