import type { Graph } from './graph.ts';
import { executionOrder } from './onnx.ts';
import type { Op } from './ops.ts';
import { count, elementTypes, type Node, type Tensor } from './tensor.ts';

/**
 * The order in which onnxruntime runs the nodes of an encoded graph: depth first from the nodes that nothing else uses, the
 * last of the file first, and of a node's inputs the last of the file first. Source: onnxruntime/core/graph/graph.cc,
 * `Graph::ReverseDFSFrom`; held against its profile in test/engine/schedule.test.ts.
 */
export function runOrder(graph: Graph): Node[] {
  const nodes = executionOrder(graph);
  const makers = new Map<Tensor, number>();
  for (const [i, node] of nodes.entries()) for (const output of node.outputs) makers.set(output, i);
  const before = nodes.map((node) => {
    const makersOf = node.inputs.flatMap((t) => (t === undefined ? [] : (makers.get(t) ?? [])));
    return [...new Set(makersOf)].sort((a, b) => a - b);
  });
  const used = new Set(before.flat());
  const order: Node[] = [];
  const seen = new Set<number>();
  const stack: { at: number; leave: boolean }[] = nodes.flatMap((_, at) =>
    used.has(at) ? [] : [{ at, leave: false }],
  );
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { at, leave } = top;
    if (leave) order.push(nodes[at]!);
    else if (!seen.has(at)) {
      seen.add(at);
      stack.push({ at, leave: true });
      for (const other of before[at]!) if (!seen.has(other)) stack.push({ at: other, leave: false });
    }
  }
  return order;
}

/** Ops whose output is the same memory as their first input. */
const aliases: ReadonlySet<string> = new Set<Op>(['Reshape', 'Identity']);
/** Ops whose output may take the place of an input of its size that nothing needs any more (kernels' `MayInplace`). */
const inPlace: Partial<Record<string, readonly number[]>> = {
  Add: [0, 1],
  Sub: [0, 1],
  Mul: [0, 1],
  Div: [0, 1],
  Neg: [0],
  Exp: [0],
  Log: [0],
  Sqrt: [0],
  Reciprocal: [0],
  Sigmoid: [0],
  Softmax: [0],
  LogSoftmax: [0],
  ScatterElements: [0],
  Cast: [0],
} satisfies Partial<Record<Op, readonly number[]>>;

export const bytesOf = ({ dtype, shape }: Tensor): number => elementTypes[dtype].size * count(shape);

/**
 * Bytes of the tensors that a run holds at once, at most: what onnxruntime takes from its arena. Its planner is followed: a
 * buffer that nothing needs any more is kept for the next tensor of exactly its size, and given back only when none comes
 * (onnxruntime/core/framework/allocation_planner.cc). Inputs, weights and outputs that are written into given memory are not
 * among them.
 */
export function peakBytes(graph: Graph, order: readonly Node[] = runOrder(graph)): number {
  const given = new Set<Tensor>([...graph.inputs, ...graph.initializers.map((i) => i.tensor), ...graph.outputs]);
  const roots = new Map<Tensor, Tensor>();
  const rootOf = (t: Tensor) => roots.get(t) ?? t;
  const uses = new Map<Tensor, number>();
  for (const node of order) {
    if (aliases.has(node.op)) roots.set(node.outputs[0]!, rootOf(node.inputs[0]!));
    for (const t of node.inputs) if (t) uses.set(rootOf(t), (uses.get(rootOf(t)) ?? 0) + 1);
  }
  for (const output of graph.outputs) given.add(rootOf(output));
  /** Buffers by size that are free and may be taken again; each with the step at which it became free. */
  const free = new Map<number, Buffer[]>();
  const buffers: Buffer[] = [];
  const held = new Map<Tensor, Buffer>();
  const release = (t: Tensor, step: number) => {
    const buffer = held.get(t);
    if (!buffer) return;
    held.delete(t);
    buffer.to = step;
    const pool = free.get(buffer.bytes);
    if (pool) pool.push(buffer);
    else free.set(buffer.bytes, [buffer]);
  };
  for (const [step, node] of order.entries()) {
    const left = (t: Tensor) => uses.get(rootOf(t)) ?? 0;
    for (const output of node.outputs) {
      if (aliases.has(node.op) || given.has(output)) continue;
      const bytes = bytesOf(output);
      const place = inPlace[node.op]
        ?.map((i) => node.inputs[i])
        .find((t) => t && left(t) === 1 && held.get(rootOf(t))?.bytes === bytes);
      const buffer = place ? held.get(rootOf(place))! : (free.get(bytes)?.pop() ?? { bytes, from: step, to: step });
      if (place) held.delete(rootOf(place));
      else if (buffer.from === step) buffers.push(buffer);
      held.set(output, buffer);
    }
    for (const t of node.inputs) {
      if (!t) continue;
      const root = rootOf(t);
      const rest = uses.get(root)! - 1;
      uses.set(root, rest);
      if (rest === 0) release(root, step);
    }
    for (const output of node.outputs) if (!aliases.has(node.op) && left(output) === 0) release(output, step);
  }
  return highest(buffers, order.length);
}

interface Buffer {
  bytes: number;
  /** First and last step at which it is held. */
  from: number;
  to: number;
}

function highest(buffers: readonly Buffer[], steps: number): number {
  const changes = new Float64Array(steps + 1);
  for (const { bytes, from, to } of buffers) {
    changes[from]! += bytes;
    changes[to + 1]! -= bytes;
  }
  let now = 0;
  let peak = 0;
  for (const change of changes) {
    now += change;
    peak = Math.max(peak, now);
  }
  return peak;
}
