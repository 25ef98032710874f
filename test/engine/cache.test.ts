import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from '../../src/engine/session.ts';
import { placeWeights } from '../../src/engine/weights.ts';
import { buildForward } from '../../src/graph/forward.ts';
import { openModel } from '../../src/model/open.ts';
import { data, needsShared } from '../support.ts';
import { forward, maxDifference, readJson, wholeRows } from './support.ts';

/** Feeds for a cache of `slots` that holds the first `filled` tokens of each of `batch` rows. */
function cacheFeeds(batch: number, slots: number, filled: number): { segments: Int32Array; positions: Int32Array } {
  return {
    segments: Int32Array.from({ length: batch * slots }, (_, i) => (i % slots < filled ? 0 : -1)),
    positions: Int32Array.from({ length: batch * slots }, (_, i) => i % slots),
  };
}

for (const name of ['tiny-llama', 'tiny-mistral', 'tiny-qwen3', 'tiny-llama3-bf16-sharded']) {
  test(`${name}: decoding with a cache gives the logits of the whole pass`, needsShared, async () => {
    const model = await openModel(data(`reference/${name}`));
    const { config } = model;
    const { input_ids: ids } = await readJson<{ input_ids: number[][] }>(data(`reference/${name}/reference.json`));
    const [batch, length, slots, first] = [ids.length, ids[0]!.length, 30, 15];
    const whole = (await forward(model, ids, { logits: true }))['logits'] as Float32Array;

    const prefill = await forward(
      model,
      ids.map((row) => row.slice(0, first)),
      { keyValues: true },
    );
    const size = config.kvHeads * config.headDim;
    const cache: Record<string, Float32Array> = {};
    for (let layer = 0; layer < config.layers; layer++)
      for (const kind of ['key', 'value']) cache[`past.${kind}.${layer}`] = new Float32Array(batch * size * slots);
    const store = (results: Record<string, unknown>, at: number, count: number) => {
      for (let layer = 0; layer < config.layers; layer++)
        for (const kind of ['key', 'value']) {
          const slot = cache[`past.${kind}.${layer}`]!;
          const given = results[`${kind}.${layer}`] as Float32Array;
          for (let head = 0; head < batch * config.kvHeads; head++) {
            const rows = given.subarray(head * count * config.headDim, (head + 1) * count * config.headDim);
            slot.set(rows, (head * slots + at) * config.headDim);
          }
        }
    };
    store(prefill, 0, first);

    const graph = buildForward(
      config,
      placeWeights(model, () => false),
      {
        batch,
        sequence: 1,
        past: slots,
        positions: slots + 1,
        outputs: { logits: true, keyValues: true },
      },
    );
    const session = await Session.open(graph, { threads: 1 });
    for (let at = first; at < length; at++) {
      const past = cacheFeeds(batch, slots, at);
      const results = await session.run({
        ...cache,
        'past.segments': past.segments,
        'past.positions': past.positions,
        ...wholeRows(ids.map((row) => [row[at]!])),
        positions: new Int32Array(batch).fill(at),
      });
      const expected = ids.flatMap((_, row) => {
        const start = (row * length + at) * config.vocabSize;
        return Array.from(whole.subarray(start, start + config.vocabSize));
      });
      assert.ok(maxDifference(results['logits'] as Float32Array, expected) < 1e-5, `token ${at}`);
      store(results, at, 1);
    }
    await session.close();
  });
}
