import { t } from '../../base/translate.ts';
import type { ModelDifference, TensorDifference } from '../../model/difference.ts';
import { parameters } from '../../plan/amounts.ts';
import type { LayerNode, Mark } from './node.ts';

/** Two models as a tree of what differs between them: layers → modules → tensors, each with its relative norm. Pure. */
export function drawDifferences(title: string, { a, b, layers, tensors, same }: ModelDifference): LayerNode {
  const outside = tensors.filter(({ layer }) => layer === undefined);
  const rows = layers.flatMap(({ label, only }) => {
    const own = tensors.filter(({ layer }) => layer === label);
    return own.length > 0 ? [layerRow(label, only, own)] : [];
  });
  const differing = layers.filter(({ label }) => tensors.some(({ layer }) => layer === label)).length;
  const words =
    tensors.length === 0
      ? [t('no tensor differs')]
      : [
          t('{0} of {1} layers', differing, layers.length),
          t('{0} tensors differ', tensors.length),
          t('{0} are the same', same),
        ];
  return {
    key: 'differences',
    kind: 'model',
    label: title,
    description: words.join(' · '),
    marks: [],
    spoken: `${title}, ${words.join(', ')}`,
    tooltip: [`a: ${a}`, `b: ${b}`, ...words, t('Numbers are ‖b − a‖ / ‖a‖.')],
    children: [...outside.map((t) => tensorRow(t, t.part)), ...rows],
  };
}

const onlyMarks: Record<'a' | 'b', Mark> = { a: 'pruned', b: 'new' };

function layerRow(label: string, only: 'a' | 'b' | undefined, tensors: readonly TensorDifference[]): LayerNode {
  const words = only ? [t('only in {0}', only)] : [relative(tensors), t('{0} tensors', tensors.length)];
  const name = t('Layer {0}', label);
  return {
    key: `layer ${label}`,
    kind: 'layer',
    label: name,
    description: words.join(' · '),
    marks: [only ? onlyMarks[only] : 'differs'],
    spoken: `${name}, ${only ? words[0] : t('differs by {0}', words.join(', '))}`,
    tooltip: [name, ...words],
    children: modules(label, only ? [] : tensors),
  };
}

/** `self_attn` with what of it differs; a norm stands by itself. */
function modules(label: string, tensors: readonly TensorDifference[]): LayerNode[] {
  const groups = new Map<string, TensorDifference[]>();
  for (const tensor of tensors) {
    const [module = ''] = tensor.part.split('.');
    groups.set(module, [...(groups.get(module) ?? []), tensor]);
  }
  return [...groups].map(([module, own]) => {
    const inside = own.filter(({ part }) => part.split('.').length > 2);
    if (inside.length < own.length) return tensorRow(own[0]!, module, `${label} `);
    return {
      key: `layer ${label} ${module}`,
      kind: 'module',
      label: module,
      description: relative(own),
      marks: ['differs'],
      spoken: t('{0}, differs by {1}', module, relative(own)),
      tooltip: [module, relative(own)],
      children: own.map((t) => tensorRow(t, t.part.slice(module.length + 1).replace(/\.weight$/, ''), `${label} `)),
    };
  });
}

function tensorRow(tensor: TensorDifference, label: string, prefix = ''): LayerNode {
  const { part, a, b } = tensor;
  const words = [relative([tensor]), parameters(tensor.parameters)];
  const name = (b ?? a)!.name;
  return {
    key: `tensor ${prefix}${part}`,
    kind: 'tensor',
    label,
    description: words.join(' · '),
    marks: [a ? (b ? 'differs' : 'pruned') : 'new'],
    spoken: t('{0}, {1} parameters', name, words.join(', ')),
    tooltip: [
      name,
      ...[a, b].flatMap((f, i) => (f ? [`${'ab'[i]}: ${f.shape.join(' × ')} ${f.dtype}`] : [])),
      ...words,
    ],
    children: [],
    name,
  };
}

/** √Σ‖b − a‖² / √Σ‖a‖² over tensors, or why there is no such number. */
function relative(tensors: readonly TensorDifference[]): string {
  const [first] = tensors;
  if (tensors.length === 1 && first) {
    const { a, b, difference } = first;
    if (!a) return t('only in {0}', 'b');
    if (!b) return t('only in {0}', 'a');
    if (difference === undefined) return `${a.shape.join(' × ')} → ${b.shape.join(' × ')}`;
    if (difference === 0) return `${a.dtype} → ${b.dtype}`;
  }
  const sum = (of: (t: TensorDifference) => number) => Math.sqrt(tensors.reduce((s, t) => s + of(t) ** 2, 0));
  const norm = sum((t) => t.norm ?? 0);
  const difference = sum((t) => t.difference ?? 0);
  return norm === 0 ? t('from zero') : `${(difference / norm).toPrecision(3)}`;
}
