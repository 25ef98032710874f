import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';

/** A part of the graph, emitted on the way forward and again for the walk back. */
type Body = (x: Tensor, again: boolean) => Tensor;

interface Saved {
  body: Body;
}

/**
 * y = body(x), of which nothing but x is kept for the walk back: there the body's nodes are emitted a second time (Chen et al.
 * 2016). `parameters` are the tensors that the body uses and whose gradients may be wanted.
 */
export function recompute(g: Graph, x: Tensor, parameters: readonly Tensor[], body: Body): Tensor {
  return g.block('Recompute', [x, ...parameters], () => ({
    outputs: [body(x, false)],
    saved: { body } satisfies Saved,
  }))[0]!;
}

/**
 * The second pass starts from Where(false, dy, x): the value is x, but it cannot be computed before dy is there. Without this
 * barrier onnxruntime runs the second pass as early as the first, and nothing is saved.
 */
export const recomputeRule: Rule<Saved> = ({ g, inputs, dy, needs, saved: { body }, backward }) => {
  const [x, ...parameters] = inputs;
  let found: (Tensor | undefined)[] | undefined;
  const gradients = () => {
    if (found) return found;
    const [again] = g.emit('Where', [g.constant('bool', [], [0]), dy, x], {}, [x!]);
    const wanted = [again!, ...parameters].filter((_, i) => needs[i]);
    const y = g.scope('again', () => body(again!, true));
    const some = backward(g, [{ of: y, gradient: dy }], wanted);
    found = inputs.map((_, i) => (needs[i] ? some.shift() : undefined));
    return found;
  };
  const at = (i: number) => () => gradients()[i] ?? unused(inputs[i]!);
  return inputs.map((_, i) => (needs[i] ? at(i) : undefined));
};

function unused(tensor: Tensor): never {
  throw new Error(`recompute: ${tensor.name} is declared as a parameter, but the body does not depend on it`);
}
