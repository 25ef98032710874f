import { cast } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/**
 * A weight in the type that is computed in. One stored in half precision is converted each time it is used, and not before
 * `near` has been computed: onnxruntime would otherwise convert all weights of the model first and hold them. The tie is a
 * Reshape to a shape that is computed from `near`'s shape: no copy, no arithmetic.
 */
export function computable(g: Graph, weight: Tensor, near: Tensor): Tensor {
  if (weight.dtype === g.float) return weight;
  if (weight.shape.length < 2) return cast(g, weight, g.float);
  const int64 = (length: number) => ({ dtype: 'int64' as const, shape: [length] });
  const one = { dtype: 'int64' as const, shape: [] };
  const [shape] = g.emit('Shape', [near], {}, [int64(near.shape.length)]);
  const [first] = g.emit('Gather', [shape, g.constant('int64', [], [0])], { axis: 0 }, [one]);
  const [zero] = g.emit('Mul', [first, g.constant('int64', [], [0])], {}, [one]);
  const [target] = g.emit('Add', [g.ints(weight.shape), zero], {}, [int64(weight.shape.length)]);
  const [tied] = g.emit('Reshape', [weight, target], {}, [weight]);
  return cast(g, tied!, g.float);
}
