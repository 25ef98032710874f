import type { External, Graph, Initializer } from './graph.ts';
import { type OpRow, ops } from './ops.ts';
import { ProtobufWriter } from './protobuf.ts';
import { type AttributeValue, elementTypes, type Node, type Tensor } from './tensor.ts';

/** Versions that the table of ops is written for. */
export const opsets = { '': 21, 'com.microsoft': 1 } as const;
const irVersion = 10;

/** AttributeProto: the field that holds the value, and the type's number (onnx.proto). */
const attributeKinds = {
  float: { field: 2, type: 1 },
  int: { field: 3, type: 2 },
  string: { field: 4, type: 3 },
  ints: { field: 8, type: 7 },
} as const;
type AttributeKind = keyof typeof attributeKinds;

function writeAttribute(w: ProtobufWriter, name: string, kind: AttributeKind, value: AttributeValue): void {
  const { field, type } = attributeKinds[kind];
  w.string(1, name);
  if (kind === 'ints' && Array.isArray(value)) for (const v of value) w.int(field, v as number);
  else if (kind === 'string' && typeof value === 'string') w.string(field, value);
  else if (kind === 'float' && typeof value === 'number') w.float(field, value);
  else if (kind === 'int' && typeof value === 'number') w.int(field, value);
  else throw new Error(`attribute ${name}: ${String(value)} is no ${kind}`);
  w.int(20, type);
}

function writeNode(w: ProtobufWriter, node: Node): void {
  const row: OpRow | undefined = (ops as Record<string, OpRow>)[node.op];
  if (!row) throw new Error(`no op ${node.op} in the table`);
  for (const input of node.inputs) w.string(1, input?.name ?? '');
  for (const output of node.outputs) w.string(2, output.name);
  w.string(3, node.name);
  w.string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    const kind = row.attributes?.[name];
    if (!kind) throw new Error(`${node.op} has no attribute ${name}`);
    w.message(5, (a) => writeAttribute(a, name, kind, value));
  }
  if (row.domain) w.string(7, row.domain);
}

function writeValueInfo(w: ProtobufWriter, { name, dtype, shape }: Tensor): void {
  w.string(1, name);
  w.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, elementTypes[dtype].onnx);
      tensor.message(2, (dims) => {
        for (const d of shape) dims.message(1, (dim) => dim.int(1, d));
      });
    }),
  );
}

function isExternal(data: Uint8Array | External): data is External {
  return !(data instanceof Uint8Array);
}

function writeInitializer(w: ProtobufWriter, { tensor, data }: Initializer): void {
  for (const d of tensor.shape) w.int(1, d);
  w.int(2, elementTypes[tensor.dtype].onnx);
  w.string(8, tensor.name);
  if (!isExternal(data)) {
    w.bytes(9, data);
    return;
  }
  for (const key of ['location', 'offset', 'length'] as const) {
    w.message(13, (entry) => {
      entry.string(1, key);
      entry.string(2, String(data[key]));
    });
  }
  w.int(14, 1);
}

/**
 * Nodes in the order of the file, which decides the order in which onnxruntime runs them. It searches depth first from the
 * nodes that nothing else uses, the last of the file first: with the walk back's last gradient there, it would run all of the
 * walk at once and put every weight gradient off to the end, with everything that those need still alive. So such nodes stand
 * behind all others, in reverse: each gradient then runs as soon as it can.
 */
export function executionOrder(graph: Graph): Node[] {
  const nodes = neededNodes(graph);
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const isLeaf = (node: Node) => !node.outputs.some((t) => used.has(t));
  return [...nodes.filter((node) => !isLeaf(node)), ...nodes.filter(isLeaf).reverse()];
}

/** Nodes that an output depends on: a layer that is computed again need not be computed to its end. */
function neededNodes(graph: Graph): Node[] {
  const needed = new Set<Tensor | undefined>(graph.outputs);
  const kept: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((t) => needed.has(t))) continue;
    for (const input of node.inputs) needed.add(input);
    kept.push(node);
  }
  return kept.reverse();
}

/** The name of the output that `refused` puts before all others. */
export const refusedName = 'refused';

/** A sequence of the first output's one tensor, as the first output of all: see `EncodingOptions.refused`. */
function writeRefusedNode(w: ProtobufWriter, of: Tensor): void {
  w.string(1, of.name);
  w.string(2, refusedName);
  w.string(3, refusedName);
  w.string(4, 'SequenceConstruct');
}

function writeRefusedInfo(w: ProtobufWriter, of: Tensor): void {
  w.string(1, refusedName);
  // TypeProto.sequence_type, its elem_type a tensor type.
  w.message(2, (type) =>
    type.message(4, (sequence) =>
      sequence.message(1, (element) => element.message(1, (tensor) => tensor.int(1, elementTypes[of.dtype].onnx))),
    ),
  );
}

export interface EncodingOptions {
  /**
   * Adds a first output that onnxruntime-node cannot turn into a JavaScript value (a sequence): it throws there, before it has
   * copied any other output.
   */
  refused?: boolean;
}

/** ModelProto bytes of a graph. */
export function encodeModel(graph: Graph, { refused = false }: EncodingOptions = {}): Uint8Array {
  const w = new ProtobufWriter();
  w.int(1, irVersion);
  w.string(2, 'strata');
  w.message(7, (g) => {
    for (const node of executionOrder(graph)) g.message(1, (n) => writeNode(n, node));
    if (refused) g.message(1, (n) => writeRefusedNode(n, graph.outputs[0]!));
    g.string(2, 'decoder');
    for (const initializer of graph.initializers) g.message(5, (t) => writeInitializer(t, initializer));
    for (const input of graph.inputs) g.message(11, (v) => writeValueInfo(v, input));
    if (refused) g.message(12, (v) => writeRefusedInfo(v, graph.outputs[0]!));
    for (const output of graph.outputs) g.message(12, (v) => writeValueInfo(v, output));
  });
  for (const [domain, version] of Object.entries(opsets)) {
    w.message(8, (o) => {
      o.string(1, domain);
      o.int(2, version);
    });
  }
  return w.finish();
}
