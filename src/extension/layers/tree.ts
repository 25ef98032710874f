import { t } from '../../base/translate.ts';
import { leaves, type TreeNode } from '../../model/tree.ts';
import type { StackLayer } from '../../model/types.ts';
import { bytes, parameters, percent } from '../../plan/amounts.ts';
import { type Importance, importanceOfLayer, type Scale, scaleWords } from './importance.ts';
import { type LayerNode, type Mark, markWords } from './node.ts';

/** What an arm does to a model, as the tree shows it. Names and stack are those of the resulting model. */
export interface Drawing {
  /** Base layers that are deleted. */
  pruned: readonly number[];
  /** Undefined: nothing is said about training. */
  trained?: ReadonlySet<string>;
  /** Of all trained tensors and LoRA factors. */
  trainedParameters?: number;
  /** Weights with a LoRA adapter. */
  adapted?: { weights: ReadonlySet<string>; rank: number };
  /** How important a layer is, by its number in the base; for a run's own measurement, in the result. */
  importance?: { scale: Scale; of: 'base' | 'result' };
}

/**
 * The tree of the model that surgery makes of `base`: every layer of `stack` with the tensors of the layer that it takes the
 * place of, renumbered. Values are not looked at.
 */
export function resultingTree(base: TreeNode, stack: readonly StackLayer[]): TreeNode {
  const layers = new Map(base.children.flatMap((c) => (c.kind === 'layer' ? [[Number(c.name), c] as const] : [])));
  const made = stack.map((layer, now) => {
    const source = layers.get(layer.kind === 'new' ? layer.after : layer.base);
    if (!source) throw new Error(`no layer ${layer.label} in the tree`);
    return { ...renumbered(source, source.path, `model.layers.${now}`), name: String(now), layer };
  });
  const first = base.children.findIndex(({ kind }) => kind === 'layer');
  const before = base.children.slice(0, Math.max(0, first));
  const after = base.children.slice(Math.max(0, first)).filter(({ kind }) => kind !== 'layer');
  const children = [...before, ...made, ...after];
  const sum = (of: (node: TreeNode) => number) => children.reduce((total, child) => total + of(child), 0);
  return { ...base, children, parameters: sum((c) => c.parameters), bytes: sum((c) => c.bytes) };
}

function renumbered(node: TreeNode, from: string, to: string): TreeNode {
  return {
    ...node,
    path: to + node.path.slice(from.length),
    children: node.children.map((child) => renumbered(child, from, to)),
  };
}

/** The rows of a model. `base` has the layers that were pruned; `title` names the model and the arm. */
export function drawModel(title: string, tree: TreeNode, drawing: Drawing, base: TreeNode = tree): LayerNode {
  const rows = tree.children.map((child) => drawNode(child, drawing));
  for (const number of [...drawing.pruned].sort((a, b) => a - b)) {
    const gone = base.children.find(({ kind, name }) => kind === 'layer' && name === String(number));
    if (gone) rows.splice(placeOf(number, tree, rows), 0, prunedRow(gone, drawing));
  }
  const layers = tree.children.filter(({ kind }) => kind === 'layer').length;
  const trained = drawing.trained && trainedWords(tree, drawing);
  const words = [
    layers === 1 ? t('1 layer') : t('{0} layers', layers),
    t('{0} parameters', parameters(tree.parameters)),
    ...(trained === undefined ? [] : [trained]),
    bytes(tree.bytes),
    ...(drawing.importance ? [scaleWords(drawing.importance.scale)] : []),
  ];
  return {
    key: 'model',
    kind: 'model',
    label: title,
    description: words.join(' · '),
    marks: [],
    spoken: `${title}, ${words.join(', ')}`,
    tooltip: [title, ...words, tree.dtypes.join(' and ')],
    children: rows,
  };
}

function trainedWords(tree: TreeNode, { trainedParameters = 0 }: Drawing): string {
  if (trainedParameters === 0) return t('nothing trained');
  return t('{0} trained ({1})', parameters(trainedParameters), percent(trainedParameters, tree.parameters));
}

/** Where a pruned base layer stood: before the first row that comes of a later layer. */
function placeOf(number: number, tree: TreeNode, rows: readonly LayerNode[]): number {
  const later = tree.children.find(({ layer }) => layer && (layer.kind === 'new' ? layer.after : layer.base) > number);
  if (later) return rows.findIndex(({ key }) => key === later.path);
  const last = tree.children.findLast(({ kind }) => kind === 'layer');
  return last ? rows.findLastIndex(({ kind }) => kind === 'layer') + 1 : 0;
}

function drawNode(node: TreeNode, drawing: Drawing): LayerNode {
  const only = node.children.length === 1 ? node.children[0]! : undefined;
  // A module with one tensor is one row.
  if (node.kind === 'module' && only?.kind === 'tensor') return { ...tensorRow(only, drawing), label: node.name };
  if (node.kind === 'tensor') return tensorRow(node, drawing);
  const marks = [...layerMarks(node.layer), ...trainingMarks(node, drawing)];
  const [kind = [], made = []] = node.layer ? layerWords(node.layer, node.name) : [];
  const words = [...kind, ...trainingWords(marks), ...made, parameters(node.parameters)];
  const important = node.kind === 'layer' ? importanceOfNode(node, drawing) : undefined;
  const label = node.layer ? t('Layer {0}', node.layer.label) : node.name;
  return {
    key: node.path,
    kind: node.kind === 'layer' ? 'layer' : 'module',
    label,
    description: [...(important ? [important.number] : []), ...words].join(' · '),
    marks,
    spoken: `${t('{0}, {1} parameters', label, words.join(', '))}${important ? `, ${important.spoken}` : ''}`,
    tooltip: [node.path, ...words, bytes(node.bytes), node.dtypes.join(' and '), ...(important?.tooltip ?? [])],
    ...(important && { heat: important.heat }),
    children: node.children.map((child) => drawNode(child, drawing)),
    name: node.path,
  };
}

function tensorRow(leaf: TreeNode, drawing: Drawing): LayerNode {
  const marks = trainingMarks(leaf, drawing);
  const shape = leaf.shape!.join(' × ');
  const [dtype = ''] = leaf.dtypes;
  const words = [shape, dtype, bytes(leaf.bytes), ...trainingWords(marks)];
  return {
    key: leaf.path,
    kind: 'tensor',
    label: leaf.name,
    description: words.join(' · '),
    marks,
    spoken: [
      leaf.path,
      t('shape {0}', leaf.shape!.join(' × ')),
      dtype,
      bytes(leaf.bytes),
      ...trainingWords(marks),
    ].join(', '),
    tooltip: [
      leaf.path,
      `${shape} ${dtype}`,
      t('{0} parameters, {1}', parameters(leaf.parameters), bytes(leaf.bytes)),
      ...trainingWords(marks),
    ],
    children: [],
    name: leaf.path,
  };
}

/** Blocks that surgery makes were never measured. */
function importanceOfNode({ name, layer }: TreeNode, { importance }: Drawing): Importance | undefined {
  if (!importance) return undefined;
  if (importance.of === 'result' || !layer) return importanceOfLayer(importance.scale, Number(name));
  return layer.kind === 'kept' ? importanceOfLayer(importance.scale, layer.base) : undefined;
}

function prunedRow(layer: TreeNode, { importance }: Drawing): LayerNode {
  const important = importance?.of === 'base' ? importanceOfLayer(importance.scale, Number(layer.name)) : undefined;
  const label = t('Layer {0}', layer.name);
  const words = [markWords.pruned(), parameters(layer.parameters)];
  return {
    key: `pruned.${layer.path}`,
    kind: 'layer',
    label,
    description: [...(important ? [important.number] : []), ...words].join(' · '),
    marks: ['pruned'],
    spoken: `${t('{0}, {1} parameters', label, words.join(', '))}${important ? `, ${important.spoken}` : ''}`,
    tooltip: [t('{0} of the base', layer.path), ...words, ...(important?.tooltip ?? [])],
    ...(important && { heat: important.heat }),
    children: [],
  };
}

function layerMarks(layer: StackLayer | undefined): Mark[] {
  return layer === undefined || layer.kind === 'kept' ? [] : [layer.kind];
}

/** What the layer is, and how it was made: `new`, and `average of 3 and 4 · starts as x → x · now 4`. */
function layerWords(layer: StackLayer, now: string): [kind: string[], made: string[]] {
  const moved = layer.label === now ? [] : [t('now {0}', now)];
  if (layer.kind === 'kept') return [[], moved];
  if (layer.kind === 'merged') return [[markWords.merged()], [t('average of {0}', list(layer.of)), ...moved]];
  const made = {
    average: t('average of {0}', list(layer.sources)),
    copy: t('copy of {0}', list(layer.sources)),
    random: t('random'),
  };
  return [[markWords.new()], [made[layer.init], ...(layer.identity ? [t('starts as x → x')] : []), ...moved]];
}

function list(numbers: readonly number[]): string {
  if (numbers.length < 2) return numbers.join('');
  return t('{0} and {1}', numbers.slice(0, -1).join(', '), numbers.at(-1)!);
}

function trainingMarks(node: TreeNode, { trained, adapted }: Drawing): Mark[] {
  const all = leaves(node);
  const touched = trained ? all.filter(({ path }) => trained.has(path)).length : 0;
  const withAdapter = adapted !== undefined && all.some(({ path }) => adapted.weights.has(path));
  const changed = !trained && all.some((leaf) => leaf.changed);
  return [
    ...(touched > 0 ? [touched === all.length ? ('trained' as const) : ('partly' as const)] : []),
    ...(withAdapter ? (['adapted'] as const) : []),
    ...(trained && touched === 0 && !withAdapter ? (['frozen'] as const) : []),
    ...(changed ? (['changed'] as const) : []),
  ];
}

function trainingWords(marks: readonly Mark[]): string[] {
  return marks.filter((mark) => !['new', 'merged', 'pruned'].includes(mark)).map((mark) => markWords[mark]());
}
