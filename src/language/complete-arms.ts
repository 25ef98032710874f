import { resolveExpandRule, roomOf } from '../experiment/expand-rule.ts';
import { expandRules } from '../experiment/schema-arms.ts';
import { selectorForms } from '../experiment/selectors.ts';
import { layerChanges, lineage } from '../experiment/stack.ts';
import type { ArmSpec, ExpandRule } from '../experiment/types.ts';
import { expectedTensors, roleOf } from '../model/names.ts';
import { parameters } from '../plan/amounts.ts';
import { ascending, ranking } from '../plan/importance.ts';
import type { Source } from './complete-values.ts';
import type { Candidate } from './item.ts';
import { baseLayers, range, stackOfArm, surgeon } from './layers.ts';
import type { View } from './view.ts';

// What may be written in an arm: rules and layers of this model, selectors and tensors of the model that the arm makes.

const layer = (n: number | string, detail?: string): Candidate => ({
  text: `${n}`,
  kind: 'layer',
  ...(detail && { detail }),
});

/** Base layers, without some. */
function layersBut(view: View, without: readonly number[], detail?: (n: number) => string): Candidate[] {
  return range(0, baseLayers(view) ?? 0)
    .filter((n) => !without.includes(n))
    .map((n) => layer(n, detail?.(n)));
}

const armAt = (view: View, name: unknown): ArmSpec | undefined =>
  typeof name === 'string' && Object.hasOwn(view.draft.arms, name) ? view.draft.arms[name] : undefined;

const numbers = (texts: readonly string[]): number[] => texts.map(Number).filter(Number.isInteger);

/** `after: RULE`, with the layers that it comes to. */
const rules: Source = ({ view, written }) => {
  const [layers, blocks] = [baseLayers(view), Number(written['blocks'] ?? 1)];
  return expandRules.map((rule) => ({
    text: rule,
    kind: 'value',
    detail: layers === undefined ? undefined : positionsOf(rule, blocks, layers),
  }));
};

function positionsOf(rule: ExpandRule, blocks: number, layers: number): string | undefined {
  if (!Number.isInteger(blocks) || blocks < 1) return undefined;
  const after = resolveExpandRule(rule, blocks, layers);
  return after && `${blocks} ${blocks === 1 ? 'block' : 'blocks'}: after ${after.join(', ')}`;
}

/** `blocks: n`, as many as the rule's region has room for. */
const blocks: Source = ({ view, written }) => {
  const rule = expandRules.find((r) => r === written['after']);
  const layers = baseLayers(view);
  if (layers === undefined) return [];
  const room = rule ? roomOf(rule, layers) : layers;
  return range(1, room + 1).map((n) => ({
    text: `${n}`,
    kind: 'number',
    detail: rule && `after ${resolveExpandRule(rule, n, layers)?.join(', ') ?? ''}`,
  }));
};

const prunable: Source = ({ view, path, before }) => {
  const arm = armAt(view, path[1]);
  const expanded = arm ? (layerChanges({ ...arm, prune: undefined }, baseLayers(view)).inserted ?? []) : [];
  return layersBut(view, [...numbers(before), ...expanded, ...(arm?.merge ? [arm.merge.into] : [])]);
};

const prunedOf = (view: View, name: unknown): number[] => {
  const arm = armAt(view, name);
  return arm ? (layerChanges(arm, baseLayers(view)).pruned ?? []) : [];
};

/** `prune: {last: n}`: all but one layer can go. */
const last: Source = ({ view }) => {
  const layers = baseLayers(view) ?? 1;
  return range(1, layers).map((n) => ({
    text: `${n}`,
    kind: 'number',
    detail: n === 1 ? `layer ${layers - 1}` : `layers ${layers - n}-${layers - 1}`,
  }));
};

/** `prune: {by, count}`: all but one layer can go; with the layers, where the metric was measured. */
const leastImportant: Source = ({ view, written }) => {
  const values = view.facts?.importance?.metrics[String(written['by'] ?? '')];
  return range(1, baseLayers(view) ?? 1).map((n) => ({
    text: `${n}`,
    kind: 'number',
    detail: values && `without ${ascending(ranking(values).slice(-n)).join(', ')}`,
  }));
};

/** Layers of the resulting stack, with where they come from. */
const resulting: Source = ({ view, path, before }) =>
  (stackOfArm(view, String(path[1])) ?? [])
    .map(({ label, kind }, i) => layer(i, label === `${i}` ? undefined : `${label}${kind === 'new' ? ' new' : ''}`))
    .filter(({ text }) => !before.includes(text));

/** Arms that an arm can start from: none that starts from it. */
const parents: Source = ({ view, path }) =>
  Object.values(view.draft.arms)
    .filter((arm) => arm.name !== path[1] && !lineage(view.draft, arm.name)?.some(({ name }) => name === path[1]))
    .map((arm) => armCandidate(arm, view));

/** Arms whose size a rank can match. */
const sized: Source = ({ view, path }) =>
  Object.values(view.draft.arms)
    .filter((arm) => arm.name !== path[1] && (arm.train || arm.lora) && !waitsFor(view, arm, path[1]))
    .map((arm) => armCandidate(arm, view));

const waitsFor = (_view: View, arm: ArmSpec, name: unknown): boolean =>
  arm.lora?.rank.kind === 'match' && arm.lora.rank.arm === name;

export function armCandidate({ name }: ArmSpec, view: View): Candidate {
  const plan = view.arm(name);
  const detail = !plan
    ? undefined
    : plan.trainedParameters > 0
      ? `${parameters(plan.trainedParameters)} trained`
      : 'trains nothing';
  return { text: name, kind: 'arm', ...(detail && { detail }) };
}

const modules: Source = ({ view, before }) =>
  (view.facts?.model?.linearModules ?? [])
    .map((module) => ({ text: module.split('.').at(-1)!, kind: 'tensor' as const, detail: module }))
    .filter(({ text }) => !before.includes(text));

/** One entry of `train:`: words, layers of this model and blocks of this arm, tensors by name. */
const selectors: Source = (context) => {
  const { before, typed } = context;
  const from = /^layers\s+(\d+)\s*-/.exec(typed);
  const all = from
    ? rangesFrom(context.view, Number(from[1]))
    : [...words(context), ...ranges(context), ...inserted(context), ...singles(context), ...tensors(context)];
  return all.filter(({ text }) => !before.includes(text));
};

const summaries = new Map(selectorForms.map(({ form, summary }) => [form, summary]));

/** `new` and `merged` only where there is something of the kind; what an arm most likely trains first. */
const words: Source = ({ view, path }) => {
  const arm = surgeon(view, String(path[1]));
  const order = [
    ...(arm?.expand ? ['new'] : []),
    ...(arm?.merge ? ['merged'] : []),
    'all',
    'embeddings',
    'head',
    'norms',
  ];
  return order.map((text) => ({ text, kind: 'value', detail: summaries.get(text) }));
};

/** The layers that stay, as a whole and by halves. */
const ranges: Source = ({ view, path }) => {
  const layers = baseLayers(view);
  if (layers === undefined || layers < 2) return [];
  const gone = prunedOf(view, surgeon(view, String(path[1]))?.name);
  const half = Math.floor(layers / 2);
  const bounds: [number, number, string][] = [
    [0, layers - 1, 'every base layer'],
    [0, half - 1, 'the shallow half'],
    [half, layers - 1, 'the deep half'],
  ];
  return bounds
    .filter(([from, to]) => from < to && !gone.some((n) => n >= from && n <= to))
    .map(([from, to, detail]) => ({ text: `layers ${from}-${to}`, kind: 'layer', detail }));
};

function rangesFrom(view: View, from: number): Candidate[] {
  return range(from + 1, baseLayers(view) ?? 0).map((to) => ({
    text: `layers ${from}-${to}`,
    kind: 'layer',
    detail: `${to - from + 1} layers`,
  }));
}

const inserted: Source = ({ view, path }) => {
  const blocks = (stackOfArm(view, String(path[1])) ?? []).filter(({ kind }) => kind === 'new');
  return blocks.map(({ label, base }) => ({
    text: `layers ${label}`,
    kind: 'layer',
    detail: `inserted after layer ${base}`,
  }));
};

const singles: Source = ({ view, path }) => {
  const gone = prunedOf(view, surgeon(view, String(path[1]))?.name);
  return layersBut(view, gone).map(({ text }) => ({
    text: `layers ${text}`,
    kind: 'layer',
    detail: `base layer ${text}`,
  }));
};

/** Globs over the tensors of the model that the arm makes, each with what it matches. */
const tensors: Source = ({ view, path }) => {
  const config = view.arm(String(path[1]))?.config ?? view.facts?.base?.config;
  if (!config) return [];
  const groups = new Map<string, { tensors: number; weights: number }>();
  const add = (glob: string, weights: number) => {
    const group = groups.get(glob) ?? { tensors: 0, weights: 0 };
    groups.set(glob, { tensors: group.tensors + 1, weights: group.weights + weights });
  };
  const all = expectedTensors(config).map(({ name, shape }) => ({ name, weights: shape.reduce((a, b) => a * b, 1) }));
  for (const { name, weights } of all) {
    const role = roleOf(name);
    if (role?.kind !== 'layer') continue;
    const block = /^(self_attn|mlp)\./.exec(role.module)?.[1];
    if (block) add(`model.layers.*.${block}.*`, weights);
  }
  for (const { name, weights } of all) add(name.replace(/^model\.layers\.\d+\./, 'model.layers.*.'), weights);
  return [...groups].map(([text, { tensors, weights }]) => ({
    text,
    kind: 'tensor',
    detail: `${tensors} ${tensors === 1 ? 'tensor' : 'tensors'}, ${parameters(weights)}`,
  }));
};

/** Values of an arm, by path. */
export const armSources: Record<string, Source> = {
  'arms.*.from': parents,
  'arms.*.expand.after': rules,
  'arms.*.expand.after.*': ({ view }) => layersBut(view, [], (n) => `a block behind layer ${n}`),
  'arms.*.expand.blocks': blocks,
  'arms.*.prune.last': last,
  'arms.*.prune.count': leastImportant,
  'arms.*.prune.layers.*': prunable,
  'arms.*.merge.into': ({ view, path }) => layersBut(view, prunedOf(view, path[1])),
  'arms.*.merge.of.*': ({ view, before }) => layersBut(view, numbers(before)),
  'arms.*.train.*': selectors,
  'arms.*.lora.rank': () => [
    { text: 'match', kind: 'value', detail: 'nearest to the trained parameters of `arm`' },
    ...[4, 8, 16, 32, 64].map((n): Candidate => ({ text: `${n}`, kind: 'number' })),
  ],
  'arms.*.lora.arm': sized,
  'arms.*.lora.targets.*': modules,
  'arms.*.lora.layers.*': resulting,
};
