import { removeEntry } from '../edits.ts';
import { roomOf, tooManyBlocks } from '../expand-rule.ts';
import { layerChanges } from '../stack.ts';
import type { Path } from '../tree.ts';
import type { ArmSpec } from '../types.ts';
import { type Check, type CheckContext, changePart, changeTo, type Finding } from './check.ts';

const armsOf = ({ experiment }: CheckContext): ArmSpec[] => Object.values(experiment.arms);

/** Base layers that an arm writes as numbers, and where. */
function writtenLayers({ name, expand, prune, merge }: ArmSpec): { layer: number; path: Path }[] {
  const at = ['arms', name];
  return [
    ...(expand?.after.kind === 'layers' ? listed(expand.after.layers, [...at, 'expand', 'after']) : []),
    ...(prune?.kind === 'layers' ? listed(prune.layers, [...at, 'prune', 'layers']) : []),
    ...(merge
      ? [{ layer: merge.into, path: [...at, 'merge', 'into'] }, ...listed(merge.of, [...at, 'merge', 'of'])]
      : []),
  ];
}
const listed = (layers: readonly number[], path: Path) => layers.map((layer, i) => ({ layer, path: [...path, i] }));

/** Where the pruning of one layer is written. */
function pruningOf({ name, prune }: ArmSpec, layer: number): Path {
  const at = ['arms', name, 'prune'];
  if (prune?.kind === 'layers') return [...at, 'layers', prune.layers.indexOf(layer)];
  return [...at, prune?.kind === 'last' ? 'last' : 'count'];
}

/** Layers named in `train:` beyond the model, with the characters of their numbers. */
function* selectorsOutOfRange(context: CheckContext, layers: number): Iterable<Finding> {
  for (const arm of armsOf(context))
    for (const [i, selector] of (arm.train ?? []).entries()) {
      if (selector.kind !== 'layers' && selector.kind !== 'inserted') continue;
      const path = ['arms', arm.name, 'train', i];
      for (const match of selector.text.matchAll(/(?<!\+)\d+/g)) {
        if (Number(match[0]) < layers) continue;
        const part = [match.index, match.index + match[0].length] as const;
        yield {
          path,
          part,
          message: outOfRange(match[0], layers),
          fixes: changePart(context.tree, path, part, `${layers - 1}`),
        };
      }
    }
}

const outOfRange = (layer: number | string, layers: number) =>
  `There is no layer ${layer}: the model has layers 0 to ${layers - 1}.`;

export const surgeryChecks: Check[] = [
  {
    code: 'layer-out-of-range',
    severity: 'error',
    needs: 'model',
    rule: 'Layers are numbered from 0 in the base model and must exist there.',
    *check(context) {
      const { layers } = context.facts.model!;
      for (const arm of armsOf(context))
        for (const { layer, path } of writtenLayers(arm))
          if (layer >= layers)
            yield { path, message: outOfRange(layer, layers), fixes: changeTo(context.tree, path, `${layers - 1}`) };
      yield* selectorsOutOfRange(context, layers);
    },
  },
  {
    code: 'expand-too-many-blocks',
    severity: 'error',
    needs: 'model',
    rule: 'A rule inserts at most as many blocks as its region has layers.',
    *check(context) {
      for (const { name, expand } of armsOf(context)) {
        if (expand?.after.kind !== 'rule') continue;
        const { rule, blocks } = expand.after;
        const { layers } = context.facts.model!;
        const room = roomOf(rule, layers);
        const message = tooManyBlocks(rule, blocks, layers);
        const path = ['arms', name, 'expand', 'blocks'];
        if (message) yield { path, message, fixes: room > 0 ? changeTo(context.tree, path, `${room}`) : [] };
      }
    },
  },
  {
    code: 'prune-everything',
    severity: 'error',
    needs: 'model',
    rule: 'Pruning leaves at least one layer.',
    *check(context) {
      const { layers } = context.facts.model!;
      for (const { name, prune } of armsOf(context)) {
        if (!prune) continue;
        const count = prune.kind === 'layers' ? new Set(prune.layers.filter((l) => l < layers)).size : prune.count;
        if (count < layers) continue;
        const key = prune.kind === 'last' ? 'last' : prune.kind === 'layers' ? 'layers' : 'count';
        const path = ['arms', name, 'prune', key];
        yield {
          path,
          message: `This would delete all ${layers} layers of the model. Leave at least one.`,
          fixes: prune.kind === 'layers' ? [] : changeTo(context.tree, path, `${layers - 1}`),
        };
      }
    },
  },
  {
    code: 'prune-expanded',
    severity: 'error',
    needs: 'file',
    rule: 'A layer that a block is inserted after is not pruned.',
    *check(context) {
      for (const arm of armsOf(context)) {
        const { inserted, pruned } = layerChanges(arm, context.facts.model?.layers);
        for (const layer of pruned ?? [])
          if (inserted?.includes(layer))
            yield {
              path: pruningOf(arm, layer),
              message: `Layer ${layer} is pruned, but a block is inserted after it. Prune another layer, or expand elsewhere.`,
            };
      }
    },
  },
  {
    code: 'prune-merged',
    severity: 'error',
    needs: 'file',
    rule: 'The layer that others are merged into is not pruned.',
    *check(context) {
      for (const arm of armsOf(context)) {
        const { merged, pruned } = layerChanges(arm, context.facts.model?.layers);
        if (merged !== undefined && pruned?.includes(merged))
          yield {
            path: pruningOf(arm, merged),
            message: `Layer ${merged} is pruned, but other layers are merged into it. Prune another layer, or merge into one that stays.`,
          };
      }
    },
  },
  {
    code: 'merge-too-few',
    severity: 'error',
    needs: 'file',
    rule: '`merge.of` names at least two layers, each once.',
    *check(context) {
      for (const { name, merge } of armsOf(context)) {
        if (!merge) continue;
        const path = ['arms', name, 'merge', 'of'];
        for (const [i, layer] of merge.of.entries())
          if (merge.of.indexOf(layer) < i)
            yield {
              path: [...path, i],
              message: `Layer ${layer} is named twice in \`of\`; the average is plain. Remove one.`,
              fixes: [{ title: `Remove ${layer}`, edits: removeEntry(context.tree, [...path, i]) }],
            };
        if (new Set(merge.of).size < 2)
          yield { path, message: '`of` names one layer, so there is nothing to average. Name at least two.' };
      }
    },
  },
  {
    code: 'from-surgery',
    severity: 'error',
    needs: 'file',
    rule: 'An arm with `from` has no surgery of its own.',
    *check(context) {
      for (const { name, from } of armsOf(context)) {
        if (from === undefined) continue;
        for (const key of ['expand', 'prune', 'merge']) {
          const path = ['arms', name, key];
          if (context.tree.has(path))
            yield {
              path,
              part: 'key',
              message: `An arm that starts \`from\` another one takes over its layers and has no \`${key}\`. Remove it, or put it into \`${from}\`.`,
              fixes: [{ title: `Remove '${key}'`, edits: removeEntry(context.tree, path) }],
            };
        }
      }
    },
  },
];
