import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backward } from '../../../src/graph/backward.ts';
import { computable } from '../../../src/graph/blocks/stored.ts';
import { add, mul } from '../../../src/graph/functions.ts';
import { encodeModel, executionOrder } from '../../../src/graph/onnx.ts';
import { inverseFrequencies } from '../../../src/graph/rope.ts';
import { emptyGraph } from './support.ts';

test('equal small constants are one initializer; names are unique', () => {
  const g = emptyGraph();
  assert.equal(g.ints([1, 2]), g.ints([1, 2]));
  assert.notEqual(g.ints([1, 2]), g.ints([2, 1]));
  assert.notEqual(g.scalar(1), g.scalar(1, 'float64'));
  g.input('x', 'float32', [1]);
  assert.throws(() => g.input('x', 'float32', [1]), /two tensors are called x/);
});

test('outputs take their names without a copy where that is possible', () => {
  const g = emptyGraph();
  const x = g.input('x', 'float32', [2]);
  const y = add(g, x, x);
  g.output('y', y);
  assert.deepEqual(
    g.nodes.map((n) => n.op),
    ['Add'],
  );
  g.output('same', y);
  g.output('input', x);
  assert.deepEqual(
    g.nodes.map((n) => n.op),
    ['Add', 'Identity', 'Identity'],
  );
  assert.deepEqual(
    g.outputs.map((t) => t.name),
    ['y', 'same', 'input'],
  );
});

test('the walk back visits only paths from what is asked for to the seed', () => {
  const g = emptyGraph();
  const [x, w] = [g.input('x', 'float32', [2]), g.input('w', 'float32', [2])];
  const frozen = g.apply('Exp', [x]);
  const y = mul(g, frozen, w);
  const aside = g.apply('ReduceMax', [w, g.ints([0])]);
  const before = g.nodes.length;
  const [dw, dx] = backward(g, [{ of: y, gradient: frozen }], [w, aside]);
  assert.ok(dw);
  assert.equal(dx, undefined, 'no path leads from it to the seed');
  assert.equal(g.nodes.length - before, 1, 'one product: nothing for the frozen branch');
});

test('a half-precision weight is converted only after what it is used with has been computed', () => {
  const g = emptyGraph();
  const near = g.input('near', 'float32', [4, 3]);
  const external = { location: 'w', offset: 0, length: 12 };
  assert.equal(computable(g, g.external('f', 'float32', [2, 3], external), near).name, 'f');
  const w = computable(g, g.external('h', 'bfloat16', [2, 3], external), near);
  assert.deepEqual(w.shape, [2, 3]);
  assert.deepEqual(
    g.nodes.map((n) => n.op),
    ['Shape', 'Gather', 'Mul', 'Add', 'Reshape', 'Cast'],
  );
  assert.equal(g.nodes[0]!.inputs[0], near);
});

test('nodes that nothing uses stand last and in reverse, so that onnxruntime runs each as early as it can', () => {
  const g = emptyGraph();
  const x = g.input('x', 'float32', [2]);
  const a = add(g, x, x);
  g.output('first', mul(g, a, x));
  const b = g.apply('Exp', [a]);
  g.output('second', mul(g, b, x));
  g.apply('Log', [b]);
  assert.deepEqual(
    executionOrder(g).map((n) => n.outputs[0]!.name.replace(/_.*/, '')),
    ['Add', 'Exp', 'second', 'first'],
  );
});

test('the model is the same bytes for the same graph, and names its weights by place', () => {
  const make = () => {
    const g = emptyGraph();
    const w = g.external('w', 'float32', [2], { location: 'a/b.safetensors', offset: 24, length: 8 });
    g.output('y', add(g, g.input('x', 'float32', [2]), w));
    return Buffer.from(encodeModel(g));
  };
  assert.deepEqual(make(), make());
  for (const text of ['a/b.safetensors', 'location', 'offset', '24', 'com.microsoft', 'strata'])
    assert.ok(make().includes(text), text);
});

test('frequencies of RoPE: linear scaling divides all, llama3 only the long wavelengths', () => {
  const config = { headDim: 8, ropeTheta: 10000 };
  const plain = inverseFrequencies({ ...config, ropeScaling: { kind: 'default' } });
  assert.deepEqual(plain, Float32Array.of(1, 0.1, 0.01, 0.001));
  const linear = inverseFrequencies({ ...config, ropeScaling: { kind: 'linear', factor: 4 } });
  assert.deepEqual(linear, Float32Array.of(0.25, 0.1 / 4, 0.0025, 0.00025));
  const llama3 = inverseFrequencies({
    ...config,
    ropeScaling: { kind: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 1024 },
  });
  assert.equal(llama3[0], 1, 'short wavelength: kept');
  assert.ok(llama3[2]! < plain[2]! && llama3[2]! > plain[2]! / 8, 'between: interpolated');
  assert.equal(llama3[3], Math.fround(plain[3]! / 8), 'long wavelength: divided');
});
