import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { random } from '../../src/base/random.ts';
import { openTokenizer } from '../../src/data/tokenizer.ts';
import { createGenerator } from '../../src/engine/generator.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import { openModel } from '../../src/model/open.ts';
import { readTensor } from '../../src/model/safetensors.ts';
import { data, needsShared, temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';
import { readJson } from './support.ts';

const folder = await temporaryFolder();
const threads = 2;
const model = await openModel(await writeTinyModel(join(folder, 'tiny'), { positions: 160 }));
/** The tiny model's matrices are so small that it repeats one token; larger ones make it wander. */
const overrides = new Map(
  await Promise.all(
    [...model.tensors.values()].map(async (t) => {
      const values = await readTensor(t);
      const factor = t.shape.length === 2 && t.name !== 'model.embed_tokens.weight' ? 12 : 1;
      return [t.name, { shape: t.shape, data: values.map((v) => factor * v) }] as const;
    }),
  ),
);
const options = { threads, overrides };
const source = random('generator test');
const prompts = Array.from({ length: 21 }, (_, i) => Array.from({ length: 1 + 7 * (i % 13) }, () => source.below(258)));
const greedy = { maxTokens: 12, endIds: [] as number[] };

/** Greedy continuation without a cache: the whole text is computed for every token. */
async function withoutCache(prompt: readonly number[], count: number): Promise<number[]> {
  const scorer = await createScorer(model, options);
  const ids = [...prompt];
  for (let i = 0; i < count; i++) {
    const { data: logits } = await scorer.logits([ids]);
    const last = Array.from(logits.subarray(-258));
    ids.push(last.indexOf(Math.max(...last)));
  }
  await scorer.dispose();
  return ids.slice(prompt.length);
}

describe('the generator', () => {
  test('continues as the model does without a cache, across growth of the cache', async () => {
    const generator = await createGenerator(model, options);
    const long = prompts.reduce((a, b) => (a.length > b.length ? a : b));
    for (const prompt of [prompts[0]!, prompts[8]!, long]) {
      const [got] = await generator.generate([prompt], { ...greedy, maxTokens: 70 });
      assert.deepEqual(got, await withoutCache(prompt, 70));
      assert.ok(new Set(got).size > 5, 'the model wanders');
    }
    await generator.dispose();
  });

  test('gives each prompt of a batch what it gives it alone', async () => {
    const generator = await createGenerator(model, options);
    const together = await generator.generate(prompts, greedy);
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await generator.generate([prompt], greedy);
      assert.deepEqual(together[i], alone, `prompt ${i}`);
    }
    await generator.dispose();
  });

  test('ends at an end id, which is no part of the text, and where the caller stops it', async () => {
    const generator = await createGenerator(model, options);
    const [free] = await generator.generate([prompts[3]!], greedy);
    const end = free!.find((id, i) => i > 2 && !free!.slice(0, i).includes(id))!;
    const at = free!.indexOf(end);
    const [ended] = await generator.generate([prompts[3]!], { ...greedy, endIds: [end] });
    assert.deepEqual(ended, free!.slice(0, at));
    const [stopped] = await generator.generate([prompts[3]!], { ...greedy, stop: (ids) => ids.length === 4 });
    assert.deepEqual(stopped, free!.slice(0, 4));
    assert.deepEqual(await generator.generate([prompts[3]!], { ...greedy, maxTokens: 0 }), [[]]);
    assert.deepEqual(await generator.generate([], greedy), []);
    await generator.dispose();
  });

  test('cuts a prompt at the left, so that the new tokens have positions', async () => {
    const generator = await createGenerator(model, options);
    const prompt = Array.from({ length: 200 }, () => source.below(258));
    const twenty = { ...greedy, maxTokens: 20 };
    const [long, short] = await generator.generate([prompt, prompt.slice(-140)], twenty);
    assert.deepEqual(long, short);
    await assert.rejects(generator.generate([prompt], { ...greedy, maxTokens: 160 }), /leave no place for a prompt/);
    await assert.rejects(generator.generate([[1], []], greedy), /A prompt has no tokens/);
    await assert.rejects(generator.generate([[300]], greedy), /300 is no token of the model/);
    await generator.dispose();
  });

  test('draws by seed and prompt, whoever else is in the batch', async () => {
    const generator = await createGenerator(model, options);
    const warm = { ...greedy, temperature: 1, topP: 0.95 };
    const first = await generator.generate(prompts, { ...warm, seed: 1 });
    const second = await generator.generate(prompts, { ...warm, seed: 2 });
    assert.deepEqual(await generator.generate(prompts.slice(0, 2), { ...warm, seed: 1 }), first.slice(0, 2));
    assert.notDeepEqual(first, second);
    assert.deepEqual(
      await generator.generate(prompts.slice(0, 3), { ...warm, topP: 1e-9 }),
      await generator.generate(prompts.slice(0, 3), greedy),
    );
    await generator.dispose();
  });

  test('writes the stories of a trained model', needsShared, async () => {
    const place = data('reference/stories260k-hf');
    interface Reference {
      greedy: { prompt: string; max_new_tokens: number; new_ids: number[] }[];
    }
    const { greedy: stories } = await readJson<Reference>(join(place, 'reference.json'));
    const tokenizer = await openTokenizer(place);
    const generator = await createGenerator(await openModel(place), { threads });
    for (const { prompt, max_new_tokens, new_ids } of stories) {
      const [ids] = await generator.generate([tokenizer.encode(prompt)], { maxTokens: max_new_tokens, endIds: [] });
      assert.deepEqual(ids, new_ids);
    }
    await generator.dispose();
  });
});
