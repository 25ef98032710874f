/**
 * `npm run fuzz -- [--count 100000] [--reader X]… [--seed n] [--first batch] [--seconds n]`: changed files for every reader.
 * The last line is `N cases, N found`; each case that was found is named with the seed that makes it again.
 */
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { batchSize, buildWorker, fuzz } from './fuzz.ts';
import { readers } from './readers.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    seconds: { type: 'string' },
    reader: { type: 'string', multiple: true },
  },
});
const names = values.reader ?? readers.map(({ name }) => name);
const unknown = names.find((name) => !readers.some((reader) => reader.name === name));
if (unknown !== undefined) throw new Error(`no reader ${unknown}; there are ${readers.map((r) => r.name).join(', ')}`);

/** Names out of damaged files may hold anything. */
const shown = (text: string) =>
  text
    .replaceAll('\n', '\n    ')
    .replace(/[^\P{C}\n]/gu, '?')
    .slice(0, 1500);

const worker = await buildWorker();
let [cases, found] = [0, 0];
try {
  for (const name of names) {
    const began = performance.now();
    const report = await fuzz(worker, name, {
      count: Number(values.count),
      seed: Number(values.seed),
      first: Number(values.first),
      ...(values.seconds !== undefined && { seconds: Number(values.seconds) }),
    });
    const seconds = (performance.now() - began) / 1000;
    cases += report.cases;
    found += report.found.length;
    console.log(
      `${name}: ${report.cases} cases, ${report.refused} refused, ${report.found.length} found, ${seconds.toFixed(1)} s; batches of ${batchSize} up to ${report.next}`,
    );
    for (const { seed, path, reason } of report.found) console.log(`  seed ${seed}, path ${path}: ${shown(reason)}`);
  }
} finally {
  await rm(worker, { force: true });
}
console.log(`${cases} cases, ${found} found`);
process.exitCode = found > 0 ? 1 : 0;
