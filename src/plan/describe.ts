import { layerTensors, roleOf } from '../model/names.ts';
import { origin } from '../model/surgery.ts';
import type { ModelConfig, StackLayer } from '../model/types.ts';
import type { ArmPlan } from './types.ts';

/** `0-3 5 8-11`: ascending whole numbers as ranges. */
export function ranges(numbers: readonly number[], separator = ' '): string {
  const parts: [number, number][] = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && n <= last[1] + 1) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(separator);
}

/** A stretch of a stack that reads the same way: layers kept side by side, or one block of its own. */
export interface Segment {
  kind: 'kept' | 'new' | 'merged' | 'pruned';
  /** By the base's numbering: `4-7`, `3+2`, `29=29-31`, `(30-31)`. */
  base: string;
  /** By the resulting model's numbering; empty for what was pruned. */
  now: string;
}

/** A stack by both numberings, pruned layers where they were. */
export function segments(layers: readonly StackLayer[], pruned: readonly number[]): Segment[] {
  const result: Segment[] = [];
  let kept: { base: [number, number]; now: [number, number] } | undefined;
  const span = ([from, to]: [number, number]) => (from === to ? `${from}` : `${from}-${to}`);
  const close = () => {
    if (kept) result.push({ kind: 'kept', base: span(kept.base), now: span(kept.now) });
    kept = undefined;
  };
  const rest = [...pruned].sort((a, b) => a - b);
  const cutBelow = (base: number) => {
    const gone: number[] = [];
    while (rest.length > 0 && rest[0]! < base) gone.push(rest.shift()!);
    if (gone.length === 0) return;
    close();
    result.push({ kind: 'pruned', base: `(${ranges(gone)})`, now: '' });
  };
  for (const [now, layer] of layers.entries()) {
    cutBelow(origin(layer));
    if (layer.kind === 'kept') {
      if (kept && layer.base === kept.base[1] + 1) {
        kept.base[1] = layer.base;
        kept.now[1] = now;
        continue;
      }
      close();
      kept = { base: [layer.base, layer.base], now: [now, now] };
      continue;
    }
    close();
    const base = layer.kind === 'new' ? layer.label : `${layer.base}=${ranges(layer.of, ',')}`;
    result.push({ kind: layer.kind, base, now: `${now}` });
  }
  close();
  cutBelow(Number.POSITIVE_INFINITY);
  return result;
}

/** Trained tensors that read alike: the same modules of several layers, or tensors outside the layers. */
export interface TrainedGroup {
  /** In the new numbering; empty for tensors outside the layers. */
  layers: number[];
  /** `self_attn.q_proj`, `mlp.down_proj.bias`, `lm_head`; with the layers, every tensor of them if `whole`. */
  modules: string[];
  whole: boolean;
}

/** Groups names of tensors by the modules that are trained in each layer, in model order. */
export function trainedGroups(names: readonly string[], config: ModelConfig): TrainedGroup[] {
  const perLayer = new Map<number, string[]>();
  const outside: string[] = [];
  for (const name of names) {
    const role = roleOf(name);
    const part = role?.kind === 'layer' && role.part === 'bias' ? '.bias' : '';
    if (role?.kind !== 'layer') outside.push(name.replace(/\.weight$/, ''));
    else perLayer.set(role.layer, [...(perLayer.get(role.layer) ?? []), `${role.module}${part}`]);
  }
  const alike = new Map<string, TrainedGroup>();
  const all = layerTensors(config).length;
  for (const [layer, modules] of perLayer) {
    const key = modules.join(' ');
    const group = alike.get(key);
    if (group) group.layers.push(layer);
    else alike.set(key, { layers: [layer], modules, whole: modules.length === all });
  }
  return [...alike.values(), ...(outside.length > 0 ? [{ layers: [], modules: outside, whole: false }] : [])];
}

/** `5 (3+)`: a layer of the resulting model with its origin, where the two numberings differ. */
export function layerLabels(layers: readonly number[], stack: readonly StackLayer[]): string {
  const runs: { from: number; to: number; base?: [number, number] }[] = [];
  const unchanged = stack.every((layer, i) => layer.kind !== 'new' && layer.base === i);
  if (unchanged || layers.length === stack.length) return ranges(layers);
  for (const n of layers) {
    const layer = stack[n]!;
    const last = runs.at(-1);
    const base = layer.kind === 'new' ? undefined : layer.base;
    if (base !== undefined && last?.base && last.to === n - 1 && last.base[1] === base - 1) {
      last.to = n;
      last.base[1] = base;
    } else runs.push({ from: n, to: n, ...(base === undefined ? {} : { base: [base, base] }) });
  }
  return runs
    .map(({ from, to, base }) => {
      const now = from === to ? `${from}` : `${from}-${to}`;
      const origin = base ? (base[0] === base[1] ? `${base[0]}` : `${base[0]}-${base[1]}`) : stack[from]!.label;
      return `${now} (${origin})`;
    })
    .join(' ');
}

/** What surgery made of the base, as words: `8 new (average of two neighbours, start as x → x), 30-31 pruned`. */
export function surgeryWords({ surgery, layers, pruned }: Pick<ArmPlan, 'surgery' | 'layers' | 'pruned'>): string[] {
  const { expand, merge } = surgery;
  const words: string[] = [];
  if (expand) {
    const inits = {
      average: 'average of layers i and i+1',
      copy: 'copy of layer i',
      random: 'random',
    };
    const start = expand.identity ? ', o_proj and down_proj zero: each starts as x → x' : '';
    words.push(`${layers.filter((l) => l.kind === 'new').length} new (${inits[expand.init]}${start})`);
  }
  if (merge) words.push(`layer ${merge.into} = average of ${ranges(merge.of)}`);
  if (pruned.length > 0) words.push(`${ranges(pruned)} pruned`);
  return words;
}
