import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attentionParts } from '../../src/graph/blocks/attention.ts';
import { inverseFrequencies } from '../../src/graph/rope.ts';
import { openModel } from '../../src/model/open.ts';
import { data, needsShared } from '../support.ts';
import { forward, maxDifference, readAll, readJson } from './support.ts';

interface Reference {
  input_ids: number[][];
  inv_freq: number[];
}

/** Measured by the reference for float32 engines; ignoring a window or a scaling costs more than 3. */
const limit = 5e-5;

const models = ['tiny-llama', 'tiny-llama3-bf16-sharded', 'tiny-mistral', 'tiny-qwen2', 'tiny-qwen3', 'tiny-smollm'];

for (const name of models) {
  test(`${name}: logits and the output of every layer are those of transformers`, needsShared, async () => {
    const folder = data(`reference/${name}`);
    const model = await openModel(folder);
    const reference = await readJson<Reference>(`${folder}/reference.json`);
    const expected = await readAll(`${folder}/reference.safetensors`);
    const results = await forward(model, reference.input_ids, { logits: true, hidden: true });
    assert.ok(maxDifference(results['logits'] as Float32Array, expected.get('logits')!.data) < limit);
    const layers = expected.get('layer_outputs')!;
    const size = layers.data.length / layers.shape[0]!;
    for (let i = 0; i < layers.shape[0]!; i++) {
      const part = layers.data.subarray(i * size, (i + 1) * size);
      assert.ok(maxDifference(results[`hidden.${i}`] as Float32Array, part) < limit, `layer output ${i}`);
    }
    assert.ok(maxDifference(inverseFrequencies(model.config), Float32Array.from(reference.inv_freq)) < 1e-7);
  });
}

test('slayer: logits of the base and of its expansion', needsShared, async () => {
  const expected = await readAll(data('reference/slayer/logits.safetensors'));
  const { input_ids: ids } = await readJson<Reference>(data('reference/slayer/reference.json'));
  for (const [folder, key] of [
    ['base', 'base'],
    ['s-expanded', 's_deepest_average'],
  ] as const) {
    const model = await openModel(data(`reference/slayer/${folder}`));
    const { logits } = await forward(model, ids, { logits: true });
    assert.ok(maxDifference(logits as Float32Array, expected.get(key)!.data) < limit, folder);
  }
});

test(
  'stories260k: log-probability of every token of every prompt, and whether it is the likeliest',
  needsShared,
  async () => {
    const folder = data('reference/stories260k-hf');
    const model = await openModel(folder);
    const { prompts } = await readJson<{
      prompts: { input_ids: number[]; token_logprobs: number[]; top5: { id: number }[] }[];
    }>(`${folder}/reference.json`);
    for (const { input_ids: ids, token_logprobs: expected, top5 } of prompts) {
      const targets = Int32Array.from([...ids.slice(1), top5[0]!.id]);
      const results = await forward(model, [ids], { scores: true, greedy: true }, { feeds: { targets } });
      const scores = results['log_probability'] as Float32Array;
      assert.ok(maxDifference(scores.subarray(0, -1), expected) < limit);
      assert.equal(results['greedy']!.at(-1), 1, 'the first of the top five is the argmax');
      const second = Int32Array.from([...ids.slice(1), top5[1]!.id]);
      const other = await forward(model, [ids], { scores: true, greedy: true }, { feeds: { targets: second } });
      assert.equal(other['greedy']!.at(-1), 0, 'the second is not');
    }
  },
);

test('only the chosen rows go through the head', needsShared, async () => {
  const model = await openModel(data('reference/tiny-llama'));
  const rows = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ];
  const all = (await forward(model, rows, { logits: true }))['logits'] as Float32Array;
  const some = await forward(
    model,
    rows,
    { logits: true },
    { options: { rows: 2 }, feeds: { rows: Int32Array.of(6, 1) } },
  );
  const vocab = model.config.vocabSize;
  assert.deepEqual(some['logits']!.slice(0, vocab), all.slice(6 * vocab, 7 * vocab));
  assert.deepEqual(some['logits']!.slice(vocab), all.slice(vocab, 2 * vocab));
});

test('documents packed into one row do not see each other', needsShared, async () => {
  for (const name of ['tiny-llama', 'tiny-mistral', 'tiny-qwen3']) {
    const model = await openModel(data(`reference/${name}`));
    const vocab = model.config.vocabSize;
    const one = Array.from({ length: 14 }, (_, i) => (i * 7 + 3) % vocab);
    const two = Array.from({ length: 10 }, (_, i) => (i * 5 + 1) % vocab);
    const packed = await forward(
      model,
      [[...one, ...two]],
      { logits: true },
      {
        feeds: {
          segments: Int32Array.from([...one.map(() => 0), ...two.map(() => 1)]),
          positions: Int32Array.from([...one.keys(), ...two.keys()]),
        },
      },
    );
    const alone = [await forward(model, [one], { logits: true }), await forward(model, [two], { logits: true })];
    const expected = alone.flatMap(({ logits }) => Array.from(logits as Float32Array));
    assert.ok(maxDifference(packed['logits'] as Float32Array, expected) < 1e-5, name);
  }
});

test('a row that is computed in parts gives what a whole one does', needsShared, async () => {
  for (const [name, length] of [
    ['tiny-llama', 300],
    ['tiny-mistral', 400],
  ] as const) {
    const model = await openModel(data(`reference/${name}`));
    const row = Array.from({ length }, (_, i) => (i * i * 31 + i * 7) % model.config.vocabSize);
    const feeds = {
      segments: Int32Array.from({ length }, (_, i) => (i < 170 ? 0 : 1)),
      positions: Int32Array.from({ length }, (_, i) => (i < 170 ? i : i - 170)),
    };
    const [parts, whole] = [
      await forward(model, [row], { logits: true }, { feeds }),
      await forward(model, [row], { logits: true, attention: true }, { feeds }),
    ];
    assert.deepEqual(attentionParts(length).length > 1 && 'attention.0' in whole, true);
    assert.ok(maxDifference(parts['logits'] as Float32Array, whole['logits'] as Float32Array) < 1e-5, name);
  }
});

test('attention weights of a token sum to one over what it may see', needsShared, async () => {
  const model = await openModel(data('reference/tiny-mistral'));
  const length = 20;
  const results = await forward(model, [Array.from({ length }, (_, i) => i)], { attention: true });
  const weights = results['attention.1'] as Float32Array;
  const window = model.config.windows[1]!;
  for (let i = 0; i < length; i++)
    for (let j = 0; j < length; j++) {
      const visible = j <= i && j > i - window;
      assert.equal(weights[i * length + j]! > 0, visible, `${i} sees ${j}`);
    }
  for (let i = 0; i < length; i++)
    assert.ok(Math.abs(weights.subarray(i * length, (i + 1) * length).reduce((a, b) => a + b, 0) - 1) < 1e-5);
});

test('a stack may leave layers out and run them twice', needsShared, async () => {
  const model = await openModel(data('reference/tiny-llama'));
  const rows = [[1, 2, 3, 4, 5]];
  const { config } = model;
  assert.equal(config.layers, 3);
  const run = (stack: number[]) => forward(model, rows, { hidden: true }, { options: { stack } });
  const [all, without, twice] = [await run([0, 1, 2]), await run([0, 2]), await run([0, 0, 1, 2])];
  assert.deepEqual(without['hidden.1'], all['hidden.1']);
  assert.notDeepEqual(without['hidden.2'], all['hidden.3']);
  assert.deepEqual(twice['hidden.1'], all['hidden.1']);
  assert.equal('hidden.4' in twice, true);
});
