import assert from 'node:assert/strict';
import { test } from 'node:test';
import { starterFile } from '../../../src/experiment/starter.ts';
import { examine } from '../../../src/experiment/validate.ts';

for (const tokenizer of [true, false])
  for (const layers of [1, 2, 3, 4, 5, 8, 12, 32, 80])
    test(`the first file for ${layers} layers ${tokenizer ? 'with' : 'without'} a tokenizer is right, also with its suggestions taken`, () => {
      const model = {
        family: 'llama',
        layers,
        positions: 64,
        vocabSize: 99,
        tied: true,
        tensors: [],
        linearModules: [],
      };
      const text = starterFile({ reference: '../models/x', layers, hiddenSize: 4096, positions: 64, tokenizer });
      assert.deepEqual(examine(text, { facts: { model } }).diagnostics, []);
      const taken = text
        .replace(/^( +)# (prune|merge):/gm, '$1$2:')
        .replace('train: [new]  ', 'train: [new, merged]')
        .replace(/^# ( *(tasks|recall):)/gm, '$1');
      const expected = layers > 3 ? [] : ['train-matches-nothing'];
      assert.deepEqual(
        examine(taken, { facts: { model } }).diagnostics.map((d) => d.code),
        expected,
      );
    });

test('an odd reference is quoted', () => {
  const text = starterFile({ reference: 'a: b', layers: 4, hiddenSize: 8, positions: 8, tokenizer: true });
  assert.equal(examine(text).experiment?.model, 'a: b');
});
