import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parseSelector } from '../../../src/experiment/selectors.ts';
import { planSurgery } from '../../../src/model/surgery.ts';
import type { Surgery } from '../../../src/model/types.ts';
import { select, stackOf } from '../../../src/plan/selectors.ts';
import { data, needsShared } from '../../support.ts';
import { arm, config, headers, plan } from './world.ts';

/** Nine tensors of one layer of the resulting model. */
const layer = (n: number) =>
  ['input_layernorm', 'self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj']
    .concat(['post_attention_layernorm', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'])
    .map((module) => `model.layers.${n}.${module}.weight`);
const layers = (...numbers: number[]) => numbers.flatMap(layer);

function stack(surgery: Surgery, shape: Record<string, unknown> = {}) {
  const base = config({ num_hidden_layers: 6, ...shape });
  const { config: resulting, layers, pruned } = planSurgery(base, headers(base), surgery);
  return stackOf(resulting, layers, pruned);
}

// Base 0 1 2 3 4 5 → 0 1 [1+1] [1+2] 2 3 [3+] 4=4,5; new numbers 0 1 2 3 4 5 6 7.
const grown = stack({
  expand: { after: [1, 1, 3], init: 'average', identity: true },
  prune: [5],
  merge: { into: 4, of: [4, 5] },
});

const rows: [selector: string, expected: string[]][] = [
  ['new', layers(2, 3, 6)],
  ['merged', layer(7)],
  ['layers 1-2', layers(1, 4)],
  ['layers 2', layer(4)],
  ['layers 0-4', layers(0, 1, 4, 5, 7)],
  ['layers 4', layer(7)],
  ['layers 1+', layers(2, 3)],
  ['layers 1+1', layer(2)],
  ['layers 1+2', layer(3)],
  ['layers 3+', layer(6)],
  ['layers 3+1', layer(6)],
  ['embeddings', ['model.embed_tokens.weight']],
  ['head', ['lm_head.weight']],
  [
    'norms',
    [0, 1, 2, 3, 4, 5, 6, 7]
      .flatMap((n) => [`model.layers.${n}.input_layernorm.weight`, `model.layers.${n}.post_attention_layernorm.weight`])
      .concat('model.norm.weight'),
  ],
  ['model.layers.6.mlp.*', layer(6).slice(6)],
  [
    'model.layers.?.self_attn.q_proj.weight',
    [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `model.layers.${n}.self_attn.q_proj.weight`),
  ],
  ['*embed*', ['model.embed_tokens.weight']],
];
for (const [text, expected] of rows)
  test(`train: [${text}]`, () => {
    const selector = parseSelector(text);
    assert.ok(selector);
    assert.deepEqual(select(selector, grown), { names: expected });
  });

test('train: [all] is every tensor of the resulting model', () => {
  const result = select({ kind: 'all', text: 'all' }, grown);
  assert.ok('names' in result);
  assert.equal(result.names.length, 8 * 9 + 3);
});

test('tied head and embeddings are one tensor, which both selectors name', () => {
  const tied = stack({}, { tie_word_embeddings: true });
  for (const text of ['head', 'embeddings']) {
    const selector = parseSelector(text);
    assert.ok(selector);
    assert.deepEqual(select(selector, tied), { names: ['model.embed_tokens.weight'] });
  }
});

test('norms include those of q and k in Qwen3, and a layer of Qwen2 its biases', () => {
  const qwen3 = stack({}, { model_type: 'qwen3', head_dim: 8 });
  const norms = select({ kind: 'norms', text: 'norms' }, qwen3);
  assert.ok('names' in norms);
  assert.ok(norms.names.includes('model.layers.0.self_attn.q_norm.weight'));
  const qwen2 = stack({}, { model_type: 'qwen2' });
  const first = select({ kind: 'layers', from: 0, to: 0, text: 'layers 0' }, qwen2);
  assert.ok('names' in first);
  assert.deepEqual(
    first.names.filter((n) => n.endsWith('.bias')),
    ['q', 'k', 'v'].map((m) => `model.layers.0.self_attn.${m}_proj.bias`),
  );
});

const problems: [selector: string, code: string, message: RegExp][] = [
  ['layers 4-5', 'train-pruned-layer', /layer 5 is pruned/],
  ['layers 5', 'train-pruned-layer', /layer 5 is pruned/],
  ['layers 9', 'train-matches-nothing', /the base has layers 0-5/],
  ['layers 2+', 'train-matches-nothing', /the inserted blocks are 1\+1, 1\+2, 3\+/],
  ['layers 1+3', 'train-matches-nothing', /the inserted blocks are/],
  ['model.layers.8.*', 'train-matches-nothing', /no tensor of the resulting model/],
];
for (const [text, code, message] of problems)
  test(`train: [${text}] is refused: ${code}`, () => {
    const selector = parseSelector(text);
    assert.ok(selector);
    const result = select(selector, grown);
    assert.ok('code' in result);
    assert.equal(result.code, code);
    assert.match(result.message, message);
  });

test('new and merged without surgery match nothing', () => {
  for (const kind of ['new', 'merged'] as const)
    assert.equal((select({ kind, text: kind }, stack({})) as { code: string }).code, 'train-matches-nothing');
});

interface Reference {
  models: Record<
    string,
    { layers: number; parameters: number; trainable_parameters: number; trainable_names: string[] }
  >;
}
const referenceArms: Record<string, string> = {
  expanded_only: 'expand: { after: shallow_half, blocks: 8, init: average }, train: [new]',
  s_deepest_untouched: 'expand: { after: shallow_half, blocks: 8 }, prune: { last: 2 }, train: [new]',
  s_deepest_average:
    'expand: { after: [1, 3, 5, 7, 9, 11, 13, 15] }, prune: { layers: [30, 31] }, merge: { into: 29, of: [29, 30, 31] }, train: [new, merged]',
  llama_pro: 'expand: { after: uniform, blocks: 8, init: copy }, train: [new]',
};
test('names and counts of the trained tensors are those of the reference', needsShared, async () => {
  const { models } = JSON.parse(await readFile(data('reference/slayer/reference.json'), 'utf8')) as Reference;
  const lines = Object.entries(referenceArms).map(([name, arm]) => `  ${name}: { ${arm} }`);
  const planned = plan(`arms:\n${lines.join('\n')}`);
  for (const name of Object.keys(referenceArms)) {
    const { layers, parameters, trainable_parameters, trainable_names } = models[name]!;
    const found = arm(planned, name);
    assert.equal(found.layers.length, layers);
    assert.equal(found.totalParameters, parameters);
    assert.equal(found.trainedParameters, trainable_parameters);
    assert.deepEqual(found.trained, trainable_names);
  }
});
