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

test('what can be seen: 200 documents and 3 seeds, a quarter of the documents changing, anew with each seed', () => {
  const { documents, difference } = detectableDifference({ documents: 200, seeds: 3, changed: 0.25 });
  near(documents, detectableEffect(200) * Math.sqrt(0.25 / 3));
  assert.equal(documents.toFixed(3), '0.057', 'six points for these three seeds');
  near(difference, detectableEffect(3) * Math.sqrt(0.25 / 200), 1e-4);
  assert.equal(difference.toFixed(3), '0.115', 'twelve for seeds in general: a t test with two degrees of freedom');
  assert.ok(detectableDifference({ documents: 200, seeds: 8, changed: 0.25 }).difference < difference);
  const one = detectableDifference({ documents: 200, seeds: 1, changed: 0.25 });
  assert.equal(one.difference, one.documents);
});

test('what every seed repeats is the documents’ own: more seeds do not help', () => {
  const of = (seeds: number) => detectableDifference({ documents: 200, seeds, changed: 0.25, repeated: 1 }).difference;
  near(of(3), of(10), 1e-4);
  near(of(8), (1.959964 + 0.841621) * Math.sqrt(0.25 / 200), 1e-4);
});

test('what is said to be seen is seen in four of five cases by the verdict’s own interval', () => {
  const [n, seeds, changed, repeated] = [200, 5, 0.25, 0.5];
  const { difference } = detectableDifference({ documents: n, seeds, changed, repeated });
  const generator = random('power');
  let seen = 0;
  for (let trial = 0; trial < 400; trial++) {
    const own = Array.from({ length: n }, () => Math.sqrt(changed * repeated) * generator.normal());
    const cells = Array.from({ length: seeds }, () =>
      Float64Array.from(own, (d) => difference + d + Math.sqrt(changed * (1 - repeated)) * generator.normal()),
    );
    if (clusterBootstrap(cells, { seed: trial, resamples: 400 }).interval(0.95).low > 0) seen++;
  }
  assert.ok(Math.abs(seen / 400 - 0.8) < 0.06, `seen in ${seen} of 400`);
});
