import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOfSnapshot } from '../../../src/model/hub.ts';
import { modelCard } from '../../../src/report/evidence/model-card.ts';
import { assertGolden } from './golden.ts';
import { makeRun } from './world.ts';

const files = [{ name: 'model.safetensors', bytes: 123_456, sha256: 'ab'.repeat(32) }];

test('the card of an exported run: origin, training, proofs, scores, files', () => {
  assertGolden('card.md.txt', modelCard({ run: makeRun('s', 2), files, adapter: false }));
});

test('what is not recorded is not claimed', () => {
  const run = makeRun('s', 2);
  delete run.identity;
  delete run.tensors;
  delete run.run.scores;
  const card = modelCard({ run, files, adapter: false });
  assert.match(card, /This model was not evaluated\./);
  assert.match(card, /\| identity of the expansion \| not recorded/);
  assert.match(card, /\| frozen tensors \| not recorded/);
  assert.doesNotMatch(card, /base_model:/);
});

test('a broken proof stands on the card; a conversion is said to come after the scores', () => {
  const run = makeRun('s', 2);
  const name = Object.keys(run.tensors!)[0]!;
  run.tensors = { ...run.tensors, [name]: { ...run.tensors![name]!, end: 'changed' } };
  const card = modelCard({ run, files, adapter: false, dtype: 'bfloat16', baseId: 'org/name' });
  assert.match(card, /frozen tensors \| BROKEN: 1 of 6/);
  assert.match(card, /converted to bfloat16 when they were exported; the scores were measured before/);
  assert.match(card, /^---\nlibrary_name: transformers\nbase_model: "org\/name"\n/);
});

test('an adapter says that it needs its base', () => {
  const card = modelCard({ run: makeRun('lora', 1), files, adapter: true });
  assert.match(card, /^---\nlibrary_name: peft\n/);
  assert.match(card, /it needs the base model/);
});

test('text of an experiment is text in the card', () => {
  const run = makeRun('s', 1);
  run.run.request.experiment.title = '# <b>bold</b> | [x](y)';
  const card = modelCard({ run, files, adapter: false });
  assert.ok(card.includes('# # \\<b\\>bold\\</b\\> \\| \\[x\\](y): s, seed 1'));
});

test('a base from the local Hugging Face cache is known by its id', () => {
  assert.equal(idOfSnapshot('/c/hub/models--org--tiny-model/snapshots/abc123'), 'org/tiny-model');
  assert.equal(idOfSnapshot('/models/base'), undefined);
});

test('weights that were chosen say by what', () => {
  const run = { ...makeRun('s', 1), kept: { task: 'recall_old', step: 16, metric: 'acc', value: 0.75 } };
  assert.match(
    modelCard({ run, files, adapter: false }),
    /\| weights \| of step 16, the best by recall\\_old acc \(0\.750\) \|/,
  );
});
