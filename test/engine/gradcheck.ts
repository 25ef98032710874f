import assert from 'node:assert/strict';
import { random } from '../../src/base/random.ts';
import { Session, type Values } from '../../src/engine/session.ts';
import type { Graph } from '../../src/graph/graph.ts';

/**
 * Holds the outputs `gradient.NAME` of a float64 graph against central differences of its output `loss`, for up to `entries`
 * elements of each input named: |g − d| ≤ tolerance · max(1, |d|).
 */
export async function assertGradients(
  graph: Graph,
  feeds: Record<string, Values>,
  names: readonly string[],
  { tolerance = 1e-6, entries = 12, h = 1e-5 } = {},
): Promise<void> {
  const session = await Session.open(graph, { threads: 1 });
  try {
    const results = await session.run(feeds);
    const loss = async () => Number((await session.run(feeds))['loss']![0]);
    const generator = random('gradcheck');
    for (const name of names) {
      const values = feeds[name] as Float64Array;
      const gradient = results[`gradient.${name}`] as Float64Array;
      assert.equal(gradient.length, values.length);
      const chosen =
        values.length <= entries
          ? [...values.keys()]
          : Array.from({ length: entries }, () => generator.below(values.length));
      for (const i of chosen) {
        const kept = values[i]!;
        values[i] = kept + h;
        const above = await loss();
        values[i] = kept - h;
        const below = await loss();
        values[i] = kept;
        const difference = (above - below) / (2 * h);
        const error = Math.abs(gradient[i]! - difference) / Math.max(1, Math.abs(difference));
        assert.ok(error <= tolerance, `${name}[${i}]: gradient ${gradient[i]}, central difference ${difference}`);
      }
    }
  } finally {
    await session.close();
  }
}

/** Normal values, reproducible. */
export function normal(length: number, ...seed: (string | number)[]): Float64Array {
  const generator = random('normal', ...seed);
  return Float64Array.from({ length }, () => generator.normal());
}
