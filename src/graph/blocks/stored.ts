import { int4Block } from '../../model/int4.ts';
import { cast } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/**
 * A weight in the type that is computed in. One stored in half precision or in int4 is converted each time it is used, and not before
 * `near` has been computed: onnxruntime would otherwise convert all weights of the model first and hold them.
 */
export function computable(g: Graph, weight: Tensor, near: Tensor): Tensor {
  if (weight.dtype === g.float) return weight;
  if (weight.scales) {
    const scales = behind(g, weight.scales, near);
    return cast(g, g.apply('DequantizeLinear', [weight, scales], { axis: 1, block_size: int4Block }), g.float);
  }
  return cast(g, weight.shape.length < 2 ? weight : behind(g, weight, near), g.float);
}

/**
 * The same tensor, which cannot be used before `near` is there: a Reshape to a shape that is computed from `near`'s shape. No
 * copy, no arithmetic; not for the walk back.
 */
export function behind(g: Graph, tensor: Tensor, near: Tensor): Tensor {
  const int64 = (length: number) => ({ dtype: 'int64' as const, shape: [length] });
  const one = { dtype: 'int64' as const, shape: [] };
  const [shape] = g.emit('Shape', [near], {}, [int64(near.shape.length)]);
  const [first] = g.emit('Gather', [shape, g.constant('int64', [], [0])], { axis: 0 }, [one]);
  const [zero] = g.emit('Mul', [first, g.constant('int64', [], [0])], {}, [one]);
  const [target] = g.emit('Add', [g.ints(tensor.shape), zero], {}, [int64(tensor.shape.length)]);
  return g.emit('Reshape', [tensor, target], {}, [tensor])[0]!;
}
