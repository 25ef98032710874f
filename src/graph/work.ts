import type { Graph } from './graph.ts';
import { bytesOf, runOrder } from './schedule.ts';
import { count, type Node, type Tensor } from './tensor.ts';

/** What nodes of one kind do: they take about the same time per unit. */
export interface Work {
  nodes: number;
  /** Of products FLOPs and bytes (`flopsPerByte`), of all else bytes that are read and written. */
  units: number;
}

/** A product reads and writes a byte in about the time of as many FLOPs: what decides where one of its sides is short. */
const flopsPerByte = 10;
/** Products with a side below this are ruled by memory, and have kernels of their own. */
const thin = 64;

/** The kind of a node by which its speed is measured, and how much it has to do. */
export function workOf(node: Node): { kind: string; units: number } {
  const bytes = [...node.inputs, ...node.outputs].reduce((sum, t) => sum + (t ? bytesOf(t) : 0), 0);
  const length = products[node.op]?.(node);
  if (length === undefined)
    return { kind: node.op, units: untouched.has(node.op) ? 0 : (moved[node.op]?.(node) ?? bytes) };
  const [y] = node.outputs as [Tensor];
  const batched = y.shape.length > 2;
  const shortest = Math.min(length, ...y.shape.slice(-2));
  const form = batched ? 'batched' : shortest < thin ? 'thin' : 'matrix';
  const flops = 2 * count(y.shape) * length;
  return {
    kind: `${form} product${node.attributes['transA'] ? ', transposed' : ''}`,
    units: flops + flopsPerByte * bytes,
  };
}

/** Length of the sums that a product is made of. */
const lengthOf = ({ inputs: [a], attributes }: Node) => a!.shape.at(attributes['transA'] ? -2 : -1)!;
const products: Partial<Record<string, (node: Node) => number>> = {
  MatMul: lengthOf,
  Gemm: lengthOf,
  FusedMatMul: lengthOf,
};
/** No byte of a tensor is moved. */
const untouched: ReadonlySet<string> = new Set(['Reshape', 'Identity', 'Shape']);
/** Where not all of an input is read. */
const moved: Partial<Record<string, (node: Node) => number>> = {
  Gather: ({ outputs: [y] }) => 2 * bytesOf(y!),
  Slice: ({ outputs: [y] }) => 2 * bytesOf(y!),
  GatherElements: ({ outputs: [y] }) => 2 * bytesOf(y!),
};

/** All work of a run of the graph, by kind. */
export function workByKind(graph: Graph, order: readonly Node[] = runOrder(graph)): Map<string, Work> {
  const all = new Map<string, Work>();
  for (const node of order) {
    const { kind, units } = workOf(node);
    const work = all.get(kind) ?? { nodes: 0, units: 0 };
    work.nodes++;
    work.units += units;
    all.set(kind, work);
  }
  return all;
}
