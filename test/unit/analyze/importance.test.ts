import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CorpusMeasurement } from '../../../src/analyze/corpus.ts';
import { intervalsOf, pointEstimate, ratio } from '../../../src/analyze/estimate.ts';
import { attentionDescription, corpusImportance, taskImportance } from '../../../src/analyze/importance.ts';
import type { TaskResult } from '../../../src/evaluate/types.ts';
import type { TaskRequest } from '../../../src/plan/types.ts';

const f = (...values: number[]) => Float64Array.of(...values);

const measured: CorpusMeasurement = {
  tokens: f(4, 6),
  targets: f(3, 5),
  nll: f(3, 13),
  angular: [f(1, 1), f(0.5, 1)],
  cosine: [f(2, 3), f(4, 6)],
  changed: { removal: [f(6, 26), f(3, 12)], duplication: [f(3, 13), f(4, 14)] },
  attention: { entropy: [f(3, 5), f(0, 0)], first_token: [f(1, 1), f(3, 5)], distance: [f(3, 13), f(0, 8)] },
  looking: f(3, 5),
};

test('importance is per token over all documents, in the units of each metric', () => {
  const found = corpusImportance(measured, ['angular', 'influence', 'removal', 'duplication', 'attention']);
  assert.equal(found.tokens, 10);
  assert.equal(found.documents, 2);
  assert.equal(found.nll, 2);
  assert.deepEqual(found.metrics, {
    angular: [0.2, 0.15],
    influence: [0.5, 0],
    removal: [2, -0.125],
    duplication: [0, 0.25],
  });
  assert.deepEqual(Object.keys(found.intervals), ['angular', 'influence', 'removal', 'duplication']);
  for (const [name, values] of Object.entries(found.metrics)) {
    for (const [layer, value] of values.entries()) {
      const [low, high] = found.intervals[name]![layer]!;
      assert.ok(low <= value && value <= high, `${name} ${layer}: ${value} in [${low}, ${high}]`);
    }
  }
});

test('attention is described over the tokens that can look at others', () => {
  assert.deepEqual(attentionDescription(measured), {
    tokens: 8,
    entropy: [1, 0],
    first_token: [0.25, 1],
    distance: [2, 1],
  });
  assert.equal(attentionDescription({ ...measured, attention: undefined }), undefined);
});

test('one document has no interval', () => {
  assert.deepEqual(intervalsOf([ratio(f(1), f(2))]), [null]);
  assert.deepEqual(intervalsOf([]), []);
});

test('intervals cover what documents say, and are the same every time', () => {
  const values = Float64Array.from({ length: 200 }, (_, i) => Math.sin(i));
  const estimate = ratio(
    values,
    values.map(() => 1),
  );
  const [interval] = intervalsOf([estimate]);
  assert.deepEqual(interval, intervalsOf([estimate])[0]);
  const [low, high] = interval!;
  assert.ok(low < pointEstimate(estimate) && pointEstimate(estimate) < high);
  // ±1.96 · sd/√n of values of deviation 0.71.
  assert.ok(high - low > 0.16 && high - low < 0.24, `${high - low}`);
});

const result = (scores: Record<string, number>, samples: Record<string, number>[]): TaskResult => ({
  scores: Object.fromEntries(Object.entries(scores).map(([m, value]) => [m, { value, stderr: null, n: 2 }])),
  samples: samples.map((sample, doc_id) => ({ doc_id, prompt_hash: '', ...sample })),
  warnings: [],
});
const request = (spec: object): TaskRequest => ({ name: 't', spec, files: [], hash: '' }) as unknown as TaskRequest;

test('what a task loses is positive, whichever way its score counts', () => {
  const choice = taskImportance(request({ kind: 'choice' }), {
    base: result({ acc: 1, acc_norm: 0 }, [{ acc: 1 }, { acc: 1 }]),
    changed: {
      removal: [result({ acc: 0.5 }, [{ acc: 1 }, { acc: 0 }]), result({ acc: 1 }, [{ acc: 1 }, { acc: 1 }])],
    },
  });
  assert.equal(choice.metric, 'acc');
  assert.deepEqual(choice.drops, { removal: [0.5, 0] });
  assert.deepEqual(choice.intervals.removal![1], [0, 0]);

  const bits = taskImportance(request({ kind: 'perplexity' }), {
    base: result({ bits_per_byte: 2 }, [{ loglikelihood: -8 * Math.LN2, bytes: 4 }]),
    changed: { duplication: [result({ bits_per_byte: 3 }, [{ loglikelihood: -12 * Math.LN2, bytes: 4 }])] },
  });
  assert.equal(bits.metric, 'bits_per_byte');
  assert.deepEqual(bits.drops, { duplication: [1] });
  assert.deepEqual(bits.intervals, { duplication: [null] });
});
