import { leaves, modelTree, sameStructure, type TreeNode } from '../../model/tree.ts';
import type { Model, StackLayer } from '../../model/types.ts';
import { openModelArgument } from '../model-argument.ts';
import type { Verb } from '../verb.ts';

/** Layer tree, parameters, dtypes, bytes. */
export const inspect: Verb = {
  name: 'inspect',
  summary: 'layer tree of a model: parameters, shapes, dtypes, bytes',
  configure(command) {
    command
      .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
      .option('--tensors', 'every tensor of every layer');
  },
  async run(io, [argument = ''], options) {
    const model = await openModelArgument(argument, io.cwd);
    const tree = modelTree(model);
    if (io.json) io.out(JSON.stringify(description(model, tree), null, 2));
    else for (const line of render(model, tree, options['tensors'] === true, Math.max(60, io.columns))) io.out(line);
    return 0;
  },
};

function description(model: Model, tree: TreeNode) {
  const { raw: _, ...config } = model.config;
  return {
    folder: model.folder,
    kind: model.kind,
    config,
    parameters: tree.parameters,
    bytes: tree.bytes,
    layers: model.layers,
    ...(model.base ? { base: { folder: model.base.folder, hash: model.base.hash }, changed: model.changed } : {}),
    ...(model.adapter
      ? {
          adapter: {
            rank: model.adapter.rank,
            alpha: model.adapter.alpha,
            rslora: model.adapter.rslora,
            weights: model.adapter.modules.map(({ weight }) => weight),
          },
        }
      : {}),
    tree,
  };
}

/** The tree as lines no wider than `columns`; layers that look alike are one line unless `all` are wanted. */
export function render(model: Model, tree: TreeNode, all: boolean, columns: number): string[] {
  const { config } = model;
  const lines = [
    model.folder,
    `${config.family}, ${config.layers} layers, ${count(tree.parameters)} parameters, ${tree.dtypes.join(' and ')}, ${size(tree.bytes)}`,
    facts(model),
    ...(model.base ? [`over ${model.base.folder}: ${model.changed.length} tensors differ`] : []),
    ...(model.adapter ? [adapterLine(model)] : []),
    '',
  ];
  const row = (depth: number, name: string, note: string, node: TreeNode) =>
    lines.push(line('  '.repeat(depth) + name, note, node, columns));
  const below = (node: TreeNode, depth: number): void => {
    for (const child of node.children) {
      const only = child.children.length === 1 ? child.children[0]! : child;
      const leaf = child.kind === 'tensor' ? child : only.kind === 'tensor' ? only : undefined;
      if (leaf) row(depth, child === leaf ? leaf.name : `${child.name}.${leaf.name}`, tensorNote(leaf), leaf);
      else {
        row(depth, child.name, '', child);
        below(child, depth + 1);
      }
    }
  };
  const groups = grouped(tree, all);
  for (const group of groups) {
    const [first] = group as [TreeNode];
    if (first.kind !== 'layer') {
      const leaf = leaves(first)[0]!;
      row(0, leaf.path.replace(/^model\./, ''), tensorNote(leaf), leaf);
      continue;
    }
    const labels = group.map((node) => node.layer!.label);
    const name = labels.length > 1 ? `layers ${labels[0]} to ${labels.at(-1)}, each` : `layer ${labels[0]}`;
    row(0, name, describe(first.layer!), first);
    below(first, 1);
  }
  return lines;
}

/** Children of the root; neighbouring kept layers of one structure stand together. */
function grouped(tree: TreeNode, all: boolean): TreeNode[][] {
  const groups: TreeNode[][] = [];
  for (const node of tree.children) {
    const last = groups.at(-1);
    const alike =
      !all &&
      last !== undefined &&
      node.layer?.kind === 'kept' &&
      last[0]!.layer?.kind === 'kept' &&
      sameStructure(last[0]!, node);
    if (alike) last.push(node);
    else groups.push([node]);
  }
  return groups;
}

function line(name: string, note: string, node: TreeNode, columns: number): string {
  const amount = `${count(node.parameters).padStart(15)} ${size(node.bytes).padStart(10)}`;
  const left = note === '' ? name : `${name}  ${note}`;
  const room = columns - amount.length;
  const shown = left.length < room ? left : `${left.slice(0, room - 2)}…`;
  return shown.padEnd(room) + amount;
}

function tensorNote(leaf: TreeNode): string {
  return `[${leaf.shape!.join(', ')}] ${leaf.dtypes[0]}${leaf.changed ? ' *' : ''}`;
}

function describe(layer: StackLayer): string {
  if (layer.kind === 'kept') return '';
  if (layer.kind === 'merged') return `average of ${layer.of.join(', ')}`;
  const made = { average: 'average of', copy: 'copy of', random: 'random' }[layer.init];
  return `new: ${[made, layer.sources.join(' and ')].filter(Boolean).join(' ')}${layer.identity ? ', starts as identity' : ''}`;
}

function facts({ config }: Model): string {
  const windows = config.windows.filter((w) => w !== null);
  return [
    `hidden ${config.hiddenSize}`,
    `heads ${config.heads}/${config.kvHeads} of ${config.headDim}`,
    `feed-forward ${config.intermediateSize}`,
    `vocabulary ${config.vocabSize}${config.tied ? ' (tied)' : ''}`,
    `positions ${config.maxPositions}`,
    ...(windows.length > 0 ? [`window ${windows[0]} in ${windows.length} layers`] : []),
  ].join(', ');
}

function adapterLine({ adapter }: Model): string {
  const { rank, alpha, modules, rslora } = adapter!;
  return `LoRA of rank ${rank}, alpha ${alpha}${rslora ? ', rank-stabilised' : ''}, on ${modules.length} weights (not merged)`;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}
