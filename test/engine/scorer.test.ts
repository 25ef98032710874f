import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { random } from '../../src/base/random.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import type { ScoreRequest } from '../../src/engine/types.ts';
import { readAdapter } from '../../src/model/adapter.ts';
import { openModel } from '../../src/model/open.ts';
import { readTensor } from '../../src/model/safetensors.ts';
import { data, needsShared, temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';
import { maxDifference, readAll, readJson } from './support.ts';

const folder = await temporaryFolder();
const model = await openModel(await writeTinyModel(join(folder, 'tiny'), { positions: 96 }));
const threads = 2;
const generator = random('scorer test');
const ids = (n: number) => Array.from({ length: n }, () => generator.below(258));

/** Requests of all lengths, some of which begin alike. */
const requests: ScoreRequest[] = Array.from({ length: 60 }, () => ({
  context: ids(1 + generator.below(40)),
  continuation: ids(1 + generator.below(8)),
}));
for (const last of [3, 4, 5]) requests.push({ context: requests[0]!.context, continuation: [last] });
requests.push({ context: requests[0]!.context, continuation: [...requests[0]!.continuation, 9, 9] });

/** What a request scores, worked out from whole logits in float64. */
async function byHand({ context, continuation }: ScoreRequest): Promise<{ loglikelihood: number; isGreedy: boolean }> {
  const scorer = await createScorer(model, { threads });
  const { shape, data: logits } = await scorer.logits([[...context, ...continuation].slice(0, -1)]);
  await scorer.dispose();
  let loglikelihood = 0;
  let isGreedy = true;
  for (const [i, target] of continuation.entries()) {
    const at = context.length - 1 + i;
    const row = Array.from(logits.subarray(at * shape[2], (at + 1) * shape[2]));
    const best = Math.max(...row);
    loglikelihood += row[target]! - best - Math.log(row.reduce((sum, l) => sum + Math.exp(l - best), 0));
    isGreedy &&= row.indexOf(best) === target;
  }
  return { loglikelihood, isGreedy };
}

describe('the scorer', () => {
  test('sums log-softmax over the continuation and tells whether it is greedy', async () => {
    const scorer = await createScorer(model, { threads });
    const { data: logits } = await scorer.logits([requests[1]!.context.slice()]);
    const last = Array.from(logits.subarray(-258));
    const greedy = last.indexOf(Math.max(...last));
    const asked = [...requests.slice(0, 10), { context: requests[1]!.context, continuation: [greedy] }];
    const results = await scorer.score(asked);
    await scorer.dispose();
    for (const [i, request] of asked.entries()) {
      const want = await byHand(request);
      assert.ok(Math.abs(results[i]!.loglikelihood - want.loglikelihood) < 1e-5);
      assert.equal(results[i]!.isGreedy, want.isGreedy);
      assert.equal(results[i]!.tokens, request.continuation.length);
    }
    assert.equal(results.at(-1)!.isGreedy, true);
  });

  test('does not depend on the other requests beyond 1e-5, whatever their order', async () => {
    const scorer = await createScorer(model, { threads });
    const together = await scorer.score(requests);
    const reversed = (await scorer.score([...requests].reverse())).reverse();
    const plain = together.map(({ loglikelihood, tokens, truncated }) => ({ loglikelihood, tokens, truncated }));
    assert.deepEqual(await scorer.likelihoods(requests), plain, 'the same bits without looking for the argmax');
    let worst = 0;
    for (const [i, request] of requests.entries()) {
      const [alone] = await scorer.score([request]);
      for (const { loglikelihood, isGreedy } of [together[i]!, reversed[i]!]) {
        worst = Math.max(worst, Math.abs(loglikelihood - alone!.loglikelihood));
        assert.equal(isGreedy, alone!.isGreedy);
      }
    }
    await scorer.dispose();
    assert.ok(worst < 1e-5, `${worst}`);
  });

  test('keeps the last positions + 1 tokens of what is too long, and says what was cut', async () => {
    const scorer = await createScorer(model, { threads });
    const context = ids(150);
    const continuation = ids(5);
    const [long, short] = await scorer.score([
      { context, continuation },
      { context: context.slice(155 - 97), continuation },
    ]);
    await scorer.dispose();
    assert.deepEqual([long!.truncated, short!.truncated], [155 - 97, 0]);
    assert.equal(long!.loglikelihood, short!.loglikelihood);
  });

  test('leaves tokens that do not count as context', async () => {
    const scorer = await createScorer(model, { threads });
    const request = { context: ids(4), continuation: ids(6) };
    const scored = [true, false, false, true, true, false];
    const [some, rest, all] = await scorer.score([
      { ...request, scored },
      { ...request, scored: scored.map((s) => !s) },
      request,
    ]);
    await scorer.dispose();
    assert.deepEqual([some!.tokens, rest!.tokens], [3, 3]);
    assert.ok(Math.abs(some!.loglikelihood + rest!.loglikelihood - all!.loglikelihood) < 1e-6);
  });

  test('with other values of some tensors gives what the model with those values gives', async () => {
    const other = await openModel(await writeTinyModel(join(folder, 'other'), { positions: 96, seed: 2 }));
    const valuesOf = async (of: typeof model) =>
      new Map(
        await Promise.all(
          [...of.tensors.values()].map(async (t) => [t.name, { shape: t.shape, data: await readTensor(t) }] as const),
        ),
      );
    const scorer = await createScorer(model, { threads, overrides: await valuesOf(model) });
    const before = await scorer.score(requests);
    scorer.update(await valuesOf(other));
    const after = await scorer.score(requests);
    await scorer.dispose();
    for (const [of, got] of [
      [model, before],
      [other, after],
    ] as const) {
      const plain = await createScorer(of, { threads });
      const want = await plain.score(requests);
      await plain.dispose();
      assert.ok(
        maxDifference(
          got.map((r) => r.loglikelihood),
          want.map((r) => r.loglikelihood),
        ) < 1e-5,
      );
    }
    assert.throws(() => scorer.update(new Map()), /the update lacks/);
  });

  test('computes a LoRA adapter beside the weights', needsShared, async () => {
    const base = await openModel(data('reference/tiny-llama'));
    const place = data('reference/training/lora-final-cosine');
    const scorer = await createScorer({ ...base, adapter: await readAdapter(place, base.tensors) }, { threads });
    const { input_ids } = await readJson<{ input_ids: number[][] }>(data('reference/tiny-llama/reference.json'));
    const { data: got } = await scorer.logits(input_ids);
    await scorer.dispose();
    const want = (await readAll(join(place, 'logits.safetensors'))).get('logits_with_adapter')!;
    assert.ok(maxDifference(got, want.data) < 5e-5);
  });

  test('reports progress up to all requests', async () => {
    const scorer = await createScorer(model, { threads });
    const seen: number[] = [];
    await scorer.score(requests, (done, total) => {
      assert.equal(total, requests.length);
      seen.push(done);
    });
    await scorer.dispose();
    assert.deepEqual([seen[0], seen.at(-1)], [0, requests.length]);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
  });

  test('refuses what cannot be scored, by the number of the request', async () => {
    const scorer = await createScorer(model, { threads });
    const table: [ScoreRequest, RegExp][] = [
      [{ context: [], continuation: [1] }, /has no context/],
      [{ context: [1], continuation: [] }, /has no continuation/],
      [{ context: [1], continuation: ids(97) }, /A continuation of 97 tokens does not fit the model's 96 positions/],
      [{ context: [258], continuation: [1] }, /258 is no token of the model: its ids are 0 to 257/],
      [{ context: [1.5], continuation: [1] }, /1\.5 is no token/],
    ];
    for (const [request, message] of table) {
      await assert.rejects(scorer.score([requests[0]!, request]), (error: Error & { problem: { place: string } }) => {
        assert.match(error.message, message);
        assert.equal(error.problem.place, 'request 2');
        return true;
      });
    }
    await scorer.dispose();
  });

  test('the log-likelihoods of a trained model', needsShared, async () => {
    const place = data('reference/stories260k-hf');
    interface Prompt {
      input_ids: number[];
      total_loglikelihood: number;
    }
    const { prompts } = await readJson<{ prompts: Prompt[] }>(join(place, 'reference.json'));
    const scorer = await createScorer(await openModel(place), { threads });
    const results = await scorer.score(
      prompts.map(({ input_ids: [first, ...rest] }) => ({ context: [first!], continuation: rest })),
    );
    await scorer.dispose();
    for (const [i, { total_loglikelihood }] of prompts.entries()) {
      assert.ok(Math.abs(results[i]!.loglikelihood - total_loglikelihood) < 1e-4);
    }
  });
});
