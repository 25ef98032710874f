import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/base/problem.ts';
import { random } from '../../../src/base/random.ts';
import { allocate, type Parameter } from '../../../src/engine/memory.ts';
import {
  adamwStep,
  clipFactor,
  gradientNorm,
  type OptimizerSettings,
  updateNorms,
} from '../../../src/engine/optimizer.ts';

const settings: OptimizerSettings = { betas: [0.9, 0.95], epsilon: 1e-8, weight_decay: 0.1, clip: 1 };

/** Parameters of awkward sizes, with values and gradients. */
function parameters(): Parameter[] {
  const made = allocate(
    [
      { name: 'matrix', shape: [7, 5] },
      { name: 'norm', shape: [13] },
    ],
    true,
  );
  const generator = random('optimizer');
  for (const { arrays } of made)
    for (const slot of ['value', 'gradient', 'partial'] as const)
      arrays[slot].set(arrays[slot].map(() => generator.normal()));
  return made;
}

test('three steps are those of the formula in float64: decay on matrices only, bias correction, clipping', () => {
  const made = parameters();
  const wide = made.map(({ shape, arrays }) => ({
    decay: shape.length >= 2 ? settings.weight_decay : 0,
    p: Float64Array.from(arrays.value),
    m: new Float64Array(arrays.value.length),
    v: new Float64Array(arrays.value.length),
    g: Float64Array.from(arrays.gradient),
  }));
  const [b1, b2] = settings.betas;
  for (let step = 1; step <= 3; step++) {
    const learningRate = 0.01 * step;
    const norm = gradientNorm(made);
    const expectedNorm = Math.sqrt(wide.reduce((sum, { g }) => sum + g.reduce((s, x) => s + x * x, 0), 0));
    assert.ok(Math.abs(norm / expectedNorm - 1) < 1e-12);
    adamwStep(made, settings, { step, norm, learningRate });
    for (const { p, m, v, g, decay } of wide)
      for (const i of p.keys()) {
        const clipped = g[i]! * Math.min(1, settings.clip / (expectedNorm + 1e-6));
        m[i] = b1 * m[i]! + (1 - b1) * clipped;
        v[i] = b2 * v[i]! + (1 - b2) * clipped ** 2;
        const rate = learningRate / (1 - b1 ** step);
        p[i] =
          p[i]! * (1 - learningRate * decay) -
          (rate * m[i]!) / (Math.sqrt(v[i]!) / Math.sqrt(1 - b2 ** step) + settings.epsilon);
      }
  }
  for (const [k, { arrays }] of made.entries())
    for (const i of arrays.value.keys()) {
      assert.ok(Math.abs(arrays.value[i]! - wide[k]!.p[i]!) < 1e-6);
      assert.ok(Math.abs(arrays.first[i]! - wide[k]!.m[i]!) < 1e-6);
      assert.ok(Math.abs(arrays.second[i]! - wide[k]!.v[i]!) < 1e-6);
    }
});

test('gradients of a later micro-batch are added', () => {
  const made = parameters();
  const expected = made.map(({ arrays }) => arrays.gradient.map((g, i) => g + arrays.partial[i]!));
  for (const p of made) p.addPartial();
  assert.deepEqual(
    made.map((p) => p.arrays.gradient),
    expected,
  );
});

test('the norm is exact over millions of elements, where float32 sums would drift', () => {
  const n = 1 << 22;
  const [p] = allocate([{ name: 'large', shape: [n] }], false);
  p!.arrays.gradient.fill(1e-3);
  assert.ok(Math.abs(gradientNorm([p!]) / (Math.fround(1e-3) * Math.sqrt(n)) - 1) < 1e-9);
});

test('one element that is not finite shows in the norm, whatever its place', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
    for (let at = 0; at < 13; at++) {
      const made = parameters();
      made[1]!.arrays.gradient[at] = bad;
      assert.equal(Number.isFinite(gradientNorm(made)), false);
    }
  const large = parameters();
  large[0]!.arrays.gradient[3] = 1e30;
  assert.equal(Number.isFinite(gradientNorm(large)), true, 'a large one does not');
});

test('clipping: the factor of torch; 0 is off', () => {
  assert.equal(clipFactor(0.5, 1), 1);
  assert.equal(clipFactor(4, 1), 1 / (4 + 1e-6));
  assert.equal(clipFactor(4, 0), 1);
});

test('arrays of all parameters are disjoint, so that no output of a graph is an input of it', () => {
  const made = parameters();
  const spans = made.flatMap(({ arrays }) =>
    Object.values(arrays).map((a) => [a.byteOffset, a.byteOffset + a.byteLength] as const),
  );
  spans.sort((a, b) => a[0] - b[0]);
  for (const [i, [start]] of spans.entries()) if (i > 0) assert.ok(start >= spans[i - 1]![1]);
});

test('what does not fit into one memory goes into several; a tensor too large for any is refused', () => {
  const shapes = [40, 40, 40].map((n, i) => ({ name: `t${i}`, shape: [n] }));
  const bytes = 48 * 4 * 4;
  const made = allocate(shapes, false, 2 * bytes);
  const buffers = made.map((p) => p.arrays.value.buffer);
  assert.equal(buffers[0], buffers[1]);
  assert.notEqual(buffers[1], buffers[2]);
  const refused = (error: unknown) => error instanceof Failure && error.problem.code === 'not-available-size';
  assert.throws(() => allocate(shapes, false, bytes - 1), refused);
});

test('the norm of a step is computed back from what it leaves', () => {
  const made = parameters();
  for (let step = 1; step <= 3; step++) {
    const before = made.map(({ arrays }) => arrays.value.slice());
    const at = { step, learningRate: 0.02 };
    adamwStep(made, settings, { ...at, norm: gradientNorm(made) });
    for (const [k, parameter] of made.entries()) {
      const { value } = parameter.arrays;
      const { update, weight } = updateNorms(parameter, settings, at);
      const moved = Math.sqrt(value.reduce((sum, w, i) => sum + (w - before[k]![i]!) ** 2, 0));
      assert.ok(Math.abs(update / moved - 1) < 1e-5, `step ${step}: ${update} instead of ${moved}`);
      assert.ok(Math.abs(weight / Math.sqrt(parameter.sumOfSquares('value')) - 1) < 1e-12);
    }
  }
});
