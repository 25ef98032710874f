import { globPattern } from './selectors.ts';
import type { ArmSpec, ExpandRule, Experiment, LoraSpec, TrainSelector } from './types.ts';

/** First layer and number of layers of the region that a rule spreads blocks over; undefined for `analysis`. */
export function regionOf(rule: ExpandRule, layers: number): { start: number; length: number } | undefined {
  const half = Math.floor(layers / 2);
  const regions = {
    shallow_half: { start: 0, length: half },
    deep_half: { start: half, length: layers - half },
    uniform: { start: 0, length: layers },
    analysis: undefined,
  };
  return regions[rule];
}

/**
 * The base layers after which a rule inserts `blocks` blocks: the region is cut into equal groups and a block stands behind the
 * last layer of each, `start + ⌊length·(k+1)/blocks⌋ − 1` (design §4; LLaMA-Pro for `uniform`). More blocks than layers
 * give repeated layers, which validation refuses. [] for `analysis`, which needs a measurement.
 */
export function resolveExpandRule(rule: ExpandRule, blocks: number, layers: number): number[] {
  const region = regionOf(rule, layers);
  if (!region) return [];
  return Array.from({ length: blocks }, (_, k) => region.start + Math.floor((region.length * (k + 1)) / blocks) - 1);
}

/** Surgery as plain data: the shape of `Surgery` in model/types. */
export interface SurgeryData {
  expand?: { after: number[]; init: 'average' | 'copy' | 'random'; identity: boolean };
  prune?: number[];
  merge?: { into: number; of: number[] };
}

/** An arm's own surgery on a base of `layers` layers. `pending` says what is waited for when a measurement decides it. */
export function surgeryOf(arm: ArmSpec, layers: number): { surgery: SurgeryData; pending?: string } {
  const { expand, prune, merge } = arm;
  const waits: string[] = [];
  const surgery: SurgeryData = {};
  if (expand) {
    const { after, init, identity } = expand;
    if (after.kind === 'layers') surgery.expand = { after: [...after.layers].sort((a, b) => a - b), init, identity };
    else if (after.rule === 'analysis') waits.push('`expand.after: analysis`');
    else surgery.expand = { after: resolveExpandRule(after.rule, after.blocks, layers), init, identity };
  }
  if (prune?.kind === 'last')
    surgery.prune = Array.from(
      { length: Math.min(prune.count, layers) },
      (_, i) => layers - Math.min(prune.count, layers) + i,
    );
  else if (prune?.kind === 'layers') surgery.prune = [...new Set(prune.layers)].sort((a, b) => a - b);
  else if (prune?.kind === 'by') waits.push('`prune: {by}`');
  if (merge) surgery.merge = { into: merge.into, of: merge.of };
  return { surgery, ...(waits.length > 0 && { pending: `${waits.join(' and ')} waits for the analysis.` }) };
}

/** The arms from an arm up through `from` to the one that starts from the base; undefined if that never ends or a name is unknown. */
export function lineage(experiment: Pick<Experiment, 'arms'>, name: string): ArmSpec[] | undefined {
  const chain: ArmSpec[] = [];
  for (let next: string | undefined = name; next !== undefined; ) {
    const arm: ArmSpec | undefined = Object.hasOwn(experiment.arms, next) ? experiment.arms[next] : undefined;
    if (!arm || chain.includes(arm)) return undefined;
    chain.push(arm);
    next = arm.from;
  }
  return chain;
}

/** One layer of a resulting stack. `base` is the layer its tensors' names and shapes come from. */
export interface StackItem {
  kind: 'kept' | 'new' | 'merged';
  base: number;
  /** For new ones: 1, 2 … among those after the same layer. */
  ordinal?: number;
  /** `5`, `3+`, `3+2`. */
  label: string;
}

/** The stack that surgery leaves of `layers` layers, from the first to the last. */
export function stackOf({ expand, prune = [], merge }: SurgeryData, layers: number): StackItem[] {
  const stack: StackItem[] = [];
  for (let base = 0; base < layers; base++) {
    if (!prune.includes(base)) stack.push({ kind: merge?.into === base ? 'merged' : 'kept', base, label: `${base}` });
    const inserted = expand?.after.filter((l) => l === base).length ?? 0;
    for (let ordinal = 1; ordinal <= inserted; ordinal++)
      stack.push({ kind: 'new', base, ordinal, label: inserted === 1 ? `${base}+` : `${base}+${ordinal}` });
  }
  return stack;
}

const layerName = /^(.*\blayers\.)(\d+)(\..+)$/;

/** A tensor of the resulting model. `layer` is its index in the stack, `base` the tensor of the base it takes its shape from. */
export interface StackTensor {
  name: string;
  layer?: number;
  base: string;
}

/** The tensors of the model that a stack makes of a base: what stands before the layers, the layers, what stands behind. */
export function stackTensors(names: readonly string[], stack: readonly StackItem[]): StackTensor[] {
  const byLayer = new Map<number, { prefix: string; suffix: string; name: string }[]>();
  const rest: string[] = [];
  for (const name of names) {
    const [, prefix, layer, suffix] = layerName.exec(name) ?? [];
    if (prefix === undefined || suffix === undefined) rest.push(name);
    else byLayer.set(Number(layer), [...(byLayer.get(Number(layer)) ?? []), { prefix, suffix, name }]);
  }
  const outside = (name: string): StackTensor => ({ name, base: name });
  return [
    ...rest.filter((name) => isEmbedding(name)).map(outside),
    ...stack.flatMap(({ base }, layer) =>
      (byLayer.get(base) ?? []).map(({ prefix, suffix, name }) => ({
        name: `${prefix}${layer}${suffix}`,
        layer,
        base: name,
      })),
    ),
    ...rest.filter((name) => !isEmbedding(name)).map(outside),
  ];
}

const isEmbedding = (name: string) => /(^|\.)embed_tokens\.weight$/.test(name);
const isHead = (name: string) => /(^|\.)lm_head\.weight$/.test(name);
const isNorm = (name: string) => /norm\.weight$/.test(name);

/** Which tensors one selector means. */
export function matchesSelector(selector: TrainSelector, stack: readonly StackItem[], tied: boolean) {
  const glob = selector.kind === 'glob' ? globPattern(selector.text) : undefined;
  return ({ name, layer }: StackTensor): boolean => {
    const item = layer === undefined ? undefined : stack[layer];
    switch (selector.kind) {
      case 'all':
        return true;
      case 'new':
      case 'merged':
        return item?.kind === selector.kind;
      case 'layers':
        return item !== undefined && item.kind !== 'new' && item.base >= selector.from && item.base <= selector.to;
      case 'inserted':
        return (
          item?.kind === 'new' &&
          item.base === selector.after &&
          (selector.ordinal === undefined || item.ordinal === selector.ordinal)
        );
      case 'embeddings':
        return isEmbedding(name);
      case 'head':
        return tied ? isEmbedding(name) : isHead(name);
      case 'norms':
        return isNorm(name);
      case 'glob':
        return glob!.test(name);
    }
  };
}

/** The linear modules that LoRA adapts: weight names of the resulting model, in its order. */
export function loraWeights(
  lora: LoraSpec,
  tensors: readonly StackTensor[],
  linearModules: readonly string[],
): string[] {
  const wanted = linearModules.filter(
    (module) => lora.targets === 'all_linear' || lora.targets.some((t) => isModule(module, t)),
  );
  return tensors
    .filter(
      ({ name, layer }) =>
        layer !== undefined &&
        (lora.layers === undefined || lora.layers.includes(layer)) &&
        wanted.some((module) => name.endsWith(`.${module}.weight`)),
    )
    .map(({ name }) => name);
}

/** `q_proj` and `self_attn.q_proj` both mean the module `self_attn.q_proj`. */
export function isModule(module: string, target: string): boolean {
  return module === target || module.endsWith(`.${target}`);
}
