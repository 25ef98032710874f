import type { TrainSelector } from '../experiment/types.ts';
import { expectedTensors, isEmbedding, isHead, isNorm } from '../model/names.ts';
import { origin } from '../model/surgery.ts';
import type { ModelConfig, StackLayer } from '../model/types.ts';

/** A model as selectors and costs see it: its config, where each layer comes from, and its tensors in model order. */
export interface Stack {
  config: ModelConfig;
  layers: StackLayer[];
  /** Base layers that were deleted. */
  pruned: number[];
  tensors: StackTensor[];
}
export interface StackTensor {
  name: string;
  shape: number[];
  parameters: number;
  /** Of the resulting model; undefined outside the layers. */
  layer?: number;
}

/** The stack of a model with this config and these layers. */
export function stackOf(config: ModelConfig, layers: StackLayer[], pruned: number[] = []): Stack {
  const tensors = tensorsOf(config);
  return { config, layers, pruned, tensors };
}

const known = new Map<string, StackTensor[]>();
/** Lists that are kept: an editor plans the same stacks again with each keystroke. */
const most = 128;

/** The tensors of a model with these sizes; one list for each, so it is not to be changed. */
function tensorsOf(config: ModelConfig): StackTensor[] {
  const { layers, vocabSize, hiddenSize, intermediateSize, heads, kvHeads, headDim, tied, bias, qkNorm } = config;
  const sizes = [layers, vocabSize, hiddenSize, intermediateSize, heads, kvHeads, headDim];
  const key = [...sizes, tied, qkNorm, bias.qkv, bias.o, bias.mlp].join();
  let tensors = known.get(key);
  if (!tensors) {
    tensors = expectedTensors(config).map(({ name, shape, layer }) => ({
      name,
      shape,
      parameters: shape.reduce((a, b) => a * b, 1),
      ...(layer !== undefined && { layer }),
    }));
    if (known.size >= most) known.clear();
    known.set(key, tensors);
  }
  return tensors;
}

export function parametersOf(stack: Stack, names?: ReadonlySet<string>): number {
  return stack.tensors.reduce((sum, t) => sum + (names === undefined || names.has(t.name) ? t.parameters : 0), 0);
}

/** Why a selector cannot be used, as a sentence. */
export interface SelectorProblem {
  code: string;
  message: string;
}

/** What one selector picks: whole layers by where they come from, or tensors by name; or why it cannot be used. */
type Pick = { layer: (layer: StackLayer) => boolean } | { tensor: (name: string) => boolean } | SelectorProblem;
type Row<K extends TrainSelector['kind']> = (selector: Extract<TrainSelector, { kind: K }>, stack: Stack) => Pick;

/** The kinds of selectors (design §4, `train`). Ranges are of base layers, so inserted blocks are never in one. */
const selectors: { [K in TrainSelector['kind']]: Row<K> } = {
  all: () => ({ tensor: () => true }),
  new: () => ({ layer: (layer) => layer.kind === 'new' }),
  merged: () => ({ layer: (layer) => layer.kind === 'merged' }),
  layers: ({ from, to, text }, { pruned }) => {
    const gone = pruned.filter((n) => n >= from && n <= to);
    if (gone.length === 0) return { layer: (layer) => layer.kind !== 'new' && layer.base >= from && layer.base <= to };
    const which = gone.length === 1 ? `layer ${gone[0]} is` : `layers ${gone.join(', ')} are`;
    return {
      code: 'train-pruned-layer',
      message: `"${text}" cannot be trained: base ${which} pruned in this arm. Name only layers that stay.`,
    };
  },
  inserted: ({ after, ordinal }) => ({
    layer: (layer) =>
      layer.kind === 'new' && layer.after === after && (ordinal === undefined || layer.ordinal === ordinal),
  }),
  embeddings: () => ({ tensor: isEmbedding }),
  head: (_, { config }) => ({ tensor: (name) => isHead(name, config) }),
  norms: () => ({ tensor: isNorm }),
  glob: ({ text }) => {
    const pattern = globPattern(text);
    return { tensor: (name) => pattern.test(name) };
  },
};

/** `*` is any run of characters (dots too: names have no levels that a star would stop at), `?` is one. */
function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[\\^$+.()|[\]{}]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

/** Tensor names of the resulting model that one selector picks, in model order; none, or a pruned layer, is a problem. */
export function select(selector: TrainSelector, stack: Stack): { names: string[] } | SelectorProblem {
  // Row and argument are of one kind; that does not show in the type of a union's member.
  const row = selectors[selector.kind] as (selector: TrainSelector, stack: Stack) => Pick;
  const pick = row(selector, stack);
  if ('code' in pick) return pick;
  const test = (t: StackTensor) =>
    'tensor' in pick ? pick.tensor(t.name) : t.layer !== undefined && pick.layer(stack.layers[t.layer]!);
  const names = stack.tensors.filter(test).map((t) => t.name);
  return names.length > 0 ? { names } : { code: 'train-matches-nothing', message: nothing(selector, stack) };
}

function nothing(selector: TrainSelector, stack: Stack): string {
  const inserted = stack.layers.filter((l) => l.kind === 'new').map((l) => l.label);
  const last = Math.max(...stack.layers.map(origin), ...stack.pruned);
  const reasons: Partial<Record<TrainSelector['kind'], string>> = {
    new: 'this arm inserts no block. Add "expand", or name layers.',
    merged: 'this arm merges no layer. Add "merge", or name layers.',
    layers: `the base has layers 0-${last}.`,
    inserted:
      inserted.length > 0
        ? `the inserted blocks are ${inserted.join(', ')}.`
        : 'this arm inserts no block. Add "expand".',
    glob: `no tensor of the resulting model has such a name; names look like "${stack.tensors[1]?.name}".`,
  };
  return `"${selector.text}" in "train" matches nothing: ${reasons[selector.kind] ?? 'the model has no such tensor.'}`;
}

/** The union of all selectors, in model order, and one problem for each that cannot be used (`index` into the list). */
export function selectAll(
  list: readonly TrainSelector[],
  stack: Stack,
): { names: string[]; problems: (SelectorProblem & { index: number })[] } {
  const chosen = new Set<string>();
  const problems: (SelectorProblem & { index: number })[] = [];
  for (const [index, selector] of list.entries()) {
    const result = select(selector, stack);
    if ('code' in result) problems.push({ ...result, index });
    else for (const name of result.names) chosen.add(name);
  }
  return { names: stack.tensors.filter((t) => chosen.has(t.name)).map((t) => t.name), problems };
}
