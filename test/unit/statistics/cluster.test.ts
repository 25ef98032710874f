import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../src/base/random.ts';
import { clusterBootstrap, marginsOf } from '../../../src/statistics/cluster.ts';
import { mean } from '../../../src/statistics/moments.ts';
import { equivalenceTest, pairedTest } from '../../../src/statistics/paired.ts';
import { detectableDifference, detectableEffect } from '../../../src/statistics/power.ts';
import { studentInterval } from '../../../src/statistics/student.ts';

const near = (actual: number, expected: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** `[seeds][documents]`: a part of each seed, a part of each document, and chance. */
function table(seeds: number, documents: number, bySeed: number, byDocument: number, chance: number, name = 'table') {
  const generator = random(name);
  const columns = Array.from({ length: documents }, () => byDocument * generator.normal());
  return Array.from({ length: seeds }, () => {
    const row = bySeed * generator.normal();
    return Float64Array.from(columns, (column) => 0.1 + row + column + chance * generator.normal());
  });
}

test('margins of a table worked out by hand', () => {
  const { centre, seeds, documents, variance } = marginsOf([Float64Array.of(1, 3), Float64Array.of(5, 11)]);
  assert.equal(centre, 5);
  assert.deepEqual([...seeds], [-3, 3]);
  assert.deepEqual([...documents], [-2, 2]);
  // What is left is ±1 in each cell; one degree of freedom each.
  assert.deepEqual(variance, { seeds: 9, documents: 4, rest: 1 });
});

test('where only seeds differ it is the t interval over seeds, where only documents differ that over documents', () => {
  const bySeeds = table(8, 50, 1, 0, 0);
  const seedInterval = studentInterval(bySeeds.map(mean))!;
  near(
    clusterBootstrap(bySeeds, { seed: 1 }).interval(0.95).high,
    seedInterval.high,
    0.005 * (seedInterval.high - seedInterval.low),
  );
  const byDocuments = table(8, 400, 0, 1, 0);
  const documentInterval = studentInterval(byDocuments[0]!)!;
  const found = clusterBootstrap(byDocuments, { seed: 1 }).interval(0.95);
  const width = documentInterval.high - documentInterval.low;
  near(found.low, documentInterval.low, 0.05 * width);
  near(found.high, documentInterval.high, 0.05 * width);
});

test('it is wider than either margin alone where both matter, and the same for the same seed', () => {
  const cells = table(8, 200, 0.05, 1, 0.1);
  const width = ({ low, high }: { low: number; high: number }) => high - low;
  const both = clusterBootstrap(cells, { seed: 3 }).interval(0.95);
  const documents = Float64Array.from(cells[0]!, (_, i) => mean(cells.map((row) => row[i]!)));
  assert.ok(width(both) > width(studentInterval(cells.map(mean))!));
  assert.ok(width(both) > 0.98 * width(studentInterval(documents)!));
  assert.deepEqual(clusterBootstrap(cells, { seed: 3 }).interval(0.95), both);
});

test('a table without any spread has an interval of width zero; one seed is no table', () => {
  const flat = [new Float64Array(5).fill(0.5), new Float64Array(5).fill(0.5)];
  assert.deepEqual(clusterBootstrap(flat).interval(0.95), { low: 0.5, high: 0.5 });
  assert.throws(() => clusterBootstrap([Float64Array.of(1, 2)]), RangeError);
});

test('equivalence: nothing changed proves little on few documents and enough on many', () => {
  const least = Math.sqrt(0.02 * 0.98);
  assert.ok(equivalenceTest(new Float64Array(20), 0.02, least)!.p > 0.2);
  assert.ok(equivalenceTest(new Float64Array(200), 0.02, least)!.p < 0.05);
  assert.equal(equivalenceTest([0.3, 0.3, 0.3], 0.2)!.p, 1);
  assert.equal(equivalenceTest([0.1], 0.2), undefined);
});

test('a paired t test of equal differences: infinite where they are not zero, p = 1 where they are', () => {
  assert.deepEqual(pairedTest([2, 2]), { t: Number.POSITIVE_INFINITY, degrees: 1, p: 0 });
  assert.equal(pairedTest([0, 0, 0])!.p, 1);
  assert.equal(pairedTest([1]), undefined);
});

test('what can be seen: 200 documents and 3 seeds, a quarter of the documents changing', () => {
  const { documents, seeds, difference } = detectableDifference({ documents: 200, seeds: 3, changed: 0.25 });
  near(documents, detectableEffect(200) * Math.sqrt(0.25 / 3));
  assert.equal(documents.toFixed(3), '0.057', 'six points over documents');
  near(seeds!, detectableEffect(3) * Math.sqrt(0.25 / 200));
  assert.equal(difference, seeds, 'a verdict needs the interval over seeds, too');
  const more = detectableDifference({ documents: 200, seeds: 8, changed: 0.25 });
  assert.ok(more.difference < difference);
  assert.equal(detectableDifference({ documents: 200, seeds: 1, changed: 0.25 }).seeds, undefined);
});
