import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../../src/report/comparison.ts';
import { verdictTable } from '../../../src/report/exports/table.ts';
import { exports, formatOfFile, formats } from '../../../src/report/exports.ts';
import { displayWidth } from '../../../src/report/text-table.ts';
import type { CompareInput } from '../../../src/report/types.ts';
import { answers, inputOf, runWith } from './by-hand.ts';
import { assertGolden } from './golden.ts';
import { makeWorld } from './world.ts';

/** Three seeds, with a run missing, a stale one and a broken proof. */
function damagedWorld(): CompareInput {
  const world = makeWorld([1, 2, 3]);
  const broken = world.runs.find((r) => r.run.request.arm === 'control')!;
  const name = Object.keys(broken.tensors!)[0]!;
  broken.tensors = { ...broken.tensors, [name]: { ...broken.tensors![name]!, end: 'changed' } };
  return {
    ...world,
    runs: world.runs.filter((r) => r.run.request.arm !== 'full' || r.run.request.seed === 1),
    stale: [{ id: 'shallow-s-1-deadbeef', arm: 's', seed: 1, state: 'succeeded' }],
  };
}

const worlds: Record<string, CompareInput> = {
  'three-seeds': makeWorld([1, 2, 3]),
  'one-seed': makeWorld([1]),
  damaged: damagedWorld(),
};

for (const [name, input] of Object.entries(worlds)) {
  const comparison = compare(input, { resamples: 1000 });
  for (const [format, ending] of [
    ['table', 'txt'],
    ['md', 'md.txt'],
    ['csv', 'csv.txt'],
  ] as const) {
    test(`${format} of ${name.replace('-', ' ')}`, () => {
      assertGolden(`${name}.${ending}`, exports[format].write(comparison, {}));
    });
  }
  test(`the table of ${name.replace('-', ' ')} fits 80 columns, and wider or narrower terminals`, () => {
    for (const columns of [60, 80, 120]) {
      for (const line of verdictTable(comparison, { columns }).split('\n')) {
        assert.ok(displayWidth(line) <= columns, `${displayWidth(line)} columns: ${line}`);
      }
    }
  });
}

test('colour is written only when allowed, and changes nothing else', () => {
  const comparison = compare(makeWorld([1]), { resamples: 100 });
  const coloured = verdictTable(comparison, { colour: true });
  assert.ok(coloured.includes('\u001b[32mbetter'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
  assert.equal(coloured.replace(/\u001b\[\d+m/g, ''), verdictTable(comparison));
});

test('a comparison without subject or results says so instead of failing', () => {
  const lonely = compare(inputOf([runWith('base', undefined, {})]));
  for (const format of formats) assert.doesNotThrow(() => exports[format].write(lonely, {}));
  assert.match(verdictTable(lonely), /No verdict/);
});

test('csv: a header, one row a contrast, the same number of cells in each; nothing is rounded', () => {
  const comparison = compare(makeWorld([1, 2, 3]), { resamples: 100 });
  const lines = exports.csv.write(comparison, {}).trimEnd().split('\n');
  assert.equal(lines.length, 1 + comparison.contrasts.length);
  for (const line of lines) assert.equal(line.split(',').length, lines[0]!.split(',').length);
  const effect = lines[1]!.split(',')[lines[0]!.split(',').indexOf('effect')];
  assert.equal(Number(effect), comparison.contrasts[0]!.effect);
});

test('csv quotes what would break a row', () => {
  const comparison = compare(
    inputOf([
      runWith('base', undefined, { new: answers('0'.repeat(12)) }),
      runWith('s', 1, { new: answers('1'.repeat(12)) }),
    ]),
  );
  comparison.contrasts[0]!.arm = 's, "quoted"';
  assert.ok(exports.csv.write(comparison, {}).includes('\n"s, ""quoted""",base,'));
});

test('json: snake_case keys, all of the comparison, names of users untouched', () => {
  const comparison = compare(makeWorld([1]), { resamples: 100 });
  const parsed = JSON.parse(exports.json.write(comparison, {}));
  assert.equal(parsed.strata_comparison, 1);
  assert.equal(parsed.contrasts.length, comparison.contrasts.length);
  assert.deepEqual(parsed.contrasts[0].document_interval, comparison.contrasts[0]!.documentInterval);
  assert.ok(Array.isArray(parsed.documents.recall_new));
  assert.doesNotMatch(JSON.stringify(parsed), /"[a-z]+[A-Z]\w*":/);
});

test('the ending of a file names its format', () => {
  assert.equal(formatOfFile('a/report.html'), 'html');
  assert.equal(formatOfFile('REPORT.MD'), 'md');
  assert.equal(formatOfFile('x.txt'), 'table');
  assert.equal(formatOfFile('x.pdf'), undefined);
  assert.equal(formatOfFile('x'), undefined);
});
