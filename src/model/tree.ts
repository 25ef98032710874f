import { elements } from './dtypes.ts';
import type { Dtype, Model, StackLayer, TensorRef } from './types.ts';

/** One level of a model: the model, a part (`embed_tokens`, `layers.3`), a module in it, a tensor. */
export interface TreeNode {
  kind: 'model' | 'layer' | 'module' | 'tensor';
  /** Last part of the name: `q_proj`, `weight`; for a layer its number in the resulting stack. */
  name: string;
  /** Full name from the root: `model.layers.3.self_attn`. */
  path: string;
  parameters: number;
  bytes: number;
  /** In order of appearance. */
  dtypes: Dtype[];
  children: TreeNode[];
  /** Tensors only. */
  shape?: number[];
  /** Tensors only: not the base's own (trained, inserted or merged). */
  changed?: boolean;
  /** Layers only: label and origin. */
  layer?: StackLayer;
}

/** The layer tree of a model: model → parts and layers → modules → tensors, each with its totals. */
export function modelTree(model: Model): TreeNode {
  const root = node('model', model.config.family, '');
  const changed = new Set(model.changed);
  for (const ref of model.tensors.values()) insert(root, ref, changed.has(ref.name), model.layers);
  total(root);
  return root;
}

function node(kind: TreeNode['kind'], name: string, path: string): TreeNode {
  return { kind, name, path, parameters: 0, bytes: 0, dtypes: [], children: [] };
}

function insert(root: TreeNode, ref: TensorRef, changed: boolean, layers: readonly StackLayer[]): void {
  let parent = root;
  let path = '';
  const parts = ref.name.split('.');
  parts.slice(0, -1).forEach((part, depth) => {
    path = path === '' ? part : `${path}.${part}`;
    // `model` and `layers` only hold what follows: the tree shows their children one level higher.
    if (depth === 0 && part === 'model') return;
    if (path === 'model.layers') return;
    let child = parent.children.find((c) => c.path === path);
    if (!child) {
      const isLayer = /^model\.layers\.\d+$/.test(path);
      child = node(isLayer ? 'layer' : 'module', part, path);
      if (isLayer) child.layer = layers[Number(part)];
      parent.children.push(child);
    }
    parent = child;
  });
  const leaf = node('tensor', parts.at(-1)!, ref.name);
  leaf.parameters = elements(ref.shape);
  leaf.bytes = ref.bytes;
  leaf.dtypes = [ref.dtype];
  leaf.shape = ref.shape;
  leaf.changed = changed;
  parent.children.push(leaf);
}

function total(tree: TreeNode): void {
  for (const child of tree.children) {
    total(child);
    tree.parameters += child.parameters;
    tree.bytes += child.bytes;
    for (const dtype of child.dtypes) if (!tree.dtypes.includes(dtype)) tree.dtypes.push(dtype);
  }
}

/** Tensors below a node, in order. */
export function leaves(tree: TreeNode): TreeNode[] {
  return tree.kind === 'tensor' ? [tree] : tree.children.flatMap(leaves);
}

/** Whether two layers have the same tensors, shapes and dtypes (whatever their values). */
export function sameStructure(a: TreeNode, b: TreeNode): boolean {
  const shape = (tree: TreeNode) =>
    leaves(tree)
      .map((leaf) => `${leaf.path.slice(tree.path.length)} ${leaf.dtypes[0]} ${leaf.shape}`)
      .join('\n');
  return shape(a) === shape(b);
}
