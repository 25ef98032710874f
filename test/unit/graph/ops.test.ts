import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inferTypes, type Op } from '../../../src/graph/ops.ts';
import type { Attributes, ElementType, Shape, Tensor } from '../../../src/graph/tensor.ts';

const t = (shape: Shape, dtype: ElementType = 'float32'): Tensor => ({ name: 'x', dtype, shape });
const ints = (...values: number[]): Tensor => ({ name: 'c', dtype: 'int64', shape: [values.length], values });

test('shapes of outputs', () => {
  const cases: [Op, Tensor[], Attributes, Shape[]][] = [
    ['Add', [t([4, 1, 3]), t([5, 1])], {}, [[4, 5, 3]]],
    ['MatMul', [t([7, 2, 3]), t([3, 5])], {}, [[7, 2, 5]]],
    ['Gemm', [t([3, 2]), t([5, 3]), t([5])], { transA: 1, transB: 1 }, [[2, 5]]],
    ['FusedMatMul', [t([7, 2, 3]), t([7, 5, 3])], { transB: 1 }, [[7, 2, 5]]],
    ['Transpose', [t([2, 3, 4])], { perm: [2, 0, 1] }, [[4, 2, 3]]],
    ['Reshape', [t([2, 6]), ints(3, 4)], {}, [[3, 4]]],
    [
      'Split',
      [t([2, 6]), ints(1, 5)],
      { axis: -1 },
      [
        [2, 1],
        [2, 5],
      ],
    ],
    ['Concat', [t([2, 1]), t([2, 5])], { axis: 1 }, [[2, 6]]],
    ['Gather', [t([9, 4]), t([3], 'int32')], { axis: 0 }, [[3, 4]]],
    ['ReduceSum', [t([2, 3, 4]), ints(0, -1)], { keepdims: 0 }, [[3]]],
    ['ReduceMean', [t([2, 3]), ints(-1)], {}, [[2, 1]]],
    ['ArgMax', [t([2, 3])], { axis: -1, keepdims: 0 }, [[2]]],
    ['Where', [t([2, 1], 'bool'), t([]), t([3])], {}, [[2, 3]]],
  ];
  for (const [op, inputs, attributes, expected] of cases)
    assert.deepEqual(
      inferTypes(op, inputs, attributes).map((type) => type.shape),
      expected,
      op,
    );
});

test('a misfit names op, inputs and reason', () => {
  const cases: [Op, Tensor[], Attributes, RegExp][] = [
    ['Add', [t([2]), t([3])], {}, /^Add\(float32\[2\], float32\[3\]\): the shapes do not broadcast$/],
    ['Mul', [t([2]), t([2], 'float64')], {}, /the element types differ/],
    ['MatMul', [t([2, 3]), t([4, 5])], {}, /the inner dimensions 3 and 4 differ/],
    ['Gemm', [t([1, 2, 3]), t([3, 4])], {}, /takes matrices/],
    ['Reshape', [t([2, 3]), ints(7)], {}, /6 elements do not fill \[7\]/],
    ['Reshape', [t([2, 3]), t([1], 'int64')], {}, /no constant/],
    ['Softmax', [t([2])], { axis: 3 }, /axis 3 is outside of 1 dimensions/],
    ['Transpose', [t([2, 3])], { perm: [0, 0] }, /no permutation/],
    ['Split', [t([2, 6]), ints(1, 4)], { axis: 1 }, /do not add up/],
    ['Softmax', [t([2])], { axes: [1] }, /Softmax has no attribute axes/],
  ];
  for (const [op, inputs, attributes, message] of cases)
    assert.throws(() => inferTypes(op, inputs, attributes), { message });
});
