import { addEntry, removeEntry } from '../edits.ts';
import { isModule, type LayerChanges, layerChanges, lineage, selectsLayer, stackOf } from '../stack.ts';
import { list, nearest } from '../suggest.ts';
import type { Path } from '../tree.ts';
import type { ArmSpec, Fix, TrainSelector } from '../types.ts';
import { type Check, type CheckContext, changePart, changeTo, type Finding, trainingPath } from './check.ts';

const armsOf = ({ experiment }: CheckContext): ArmSpec[] => Object.values(experiment.arms);

/** What was done to the layers of the model that an arm trains, by itself or by the arm it descends from. */
function changesOf({ experiment, facts }: CheckContext, arm: ArmSpec): LayerChanges {
  const root = lineage(experiment, arm.name)?.at(-1);
  return root ? layerChanges(root, facts.model?.layers) : {};
}

/** Each selector of `train:` with the stack it selects from. */
function* eachSelector(
  context: CheckContext,
): Iterable<{ arm: ArmSpec; i: number; selector: TrainSelector; changes: LayerChanges }> {
  for (const arm of armsOf(context)) {
    const changes = changesOf(context, arm);
    for (const [i, selector] of (arm.train ?? []).entries()) yield { arm, i, selector, changes };
  }
}

/** Why a selector matches nothing, as far as it can be known without tensor names. */
function emptiness(selector: TrainSelector, { inserted, merged }: LayerChanges, layers = Infinity): string | undefined {
  switch (selector.kind) {
    case 'new':
      return inserted?.length === 0 ? 'no block is inserted. Add `expand`, or name layers.' : undefined;
    case 'merged':
      return merged === undefined && inserted !== undefined
        ? 'no layers are merged. Add `merge`, or name layers.'
        : undefined;
    case 'inserted': {
      if (!inserted || selector.after >= layers) return undefined;
      const blocks = inserted.filter((l) => l === selector.after).length;
      if (blocks === 0)
        return inserted.length === 0
          ? 'no block is inserted. Add `expand`.'
          : `blocks are inserted after ${list([...new Set(inserted)].map(String), 'and')}.`;
      if ((selector.ordinal ?? 1) > blocks)
        return `there ${blocks === 1 ? 'is one block' : `are ${blocks} blocks`} after layer ${selector.after}.`;
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Where `train` and `lora` certainly touch the same tensors, without looking at tensor names. */
function* trainedAndAdapted(context: CheckContext): Iterable<Finding> {
  for (const { arm, i, selector, changes } of eachSelector(context)) {
    if (!arm.lora) continue;
    const layers = context.facts.model?.layers;
    const stack = layers === undefined ? undefined : stackOf(changes, layers);
    const wholeLayers = ['all', 'new', 'merged', 'layers', 'inserted'].includes(selector.kind);
    const adapted = arm.lora.layers;
    const hit = stack?.findIndex(
      (item, n) => selectsLayer(selector, item) && (adapted === undefined || adapted.includes(n)),
    );
    const certain = hit === undefined ? wholeLayers && (adapted === undefined || selector.kind === 'all') : hit >= 0;
    if (!certain) continue;
    const where = hit === undefined || adapted === undefined ? 'every layer' : `layer ${hit} of the resulting stack`;
    yield {
      path: ['arms', arm.name, 'train', i],
      message: `\`${selector.text}\` trains weights that \`lora\` adapts (${where}). A tensor is either trained or adapted: narrow \`lora.layers\`, or remove this.`,
      unless: [['arms', arm.name, 'lora']],
    };
  }
}

export const trainedChecks: Check[] = [
  {
    code: 'train-empty',
    severity: 'error',
    needs: 'file',
    rule: '`train` names at least one thing; without `train` and `lora` an arm is only evaluated.',
    *check({ written, tree }) {
      for (const [name, arm] of Object.entries(written.arms ?? {}))
        if (arm.train?.length === 0) {
          const path = ['arms', name, 'train'];
          yield {
            path,
            message: '`train` is empty. Name what is trained, or remove it: then the arm is only evaluated.',
            fixes: [{ title: "Remove 'train'", edits: removeEntry(tree, path) }],
          };
        }
    },
  },
  {
    code: 'train-matches-nothing',
    severity: 'error',
    needs: 'file',
    rule: 'Every selector of `train` matches something.',
    *check(context) {
      for (const { arm, i, selector, changes } of eachSelector(context)) {
        const why = emptiness(selector, changes, context.facts.model?.layers);
        if (why)
          yield {
            path: ['arms', arm.name, 'train', i],
            message: `\`${selector.text}\` matches nothing: ${why}`,
            unless: [
              ['arms', arm.name, 'expand'],
              ['arms', arm.name, 'merge'],
              ['arms', arm.name, 'from'],
              ['arms', arm.from ?? arm.name],
            ],
          };
      }
    },
  },
  {
    code: 'train-pruned-layer',
    severity: 'error',
    needs: 'file',
    rule: 'A pruned layer is not trained.',
    *check(context) {
      for (const { arm, i, selector, changes } of eachSelector(context)) {
        if (selector.kind !== 'layers') continue;
        const gone = changes.pruned?.filter((l) => l >= selector.from && l <= selector.to) ?? [];
        if (gone.length > 0)
          yield {
            path: ['arms', arm.name, 'train', i],
            message: `\`${selector.text}\` cannot be trained: layer${gone.length === 1 ? ' ' : 's '}${list(gone.map(String), 'and')} ${gone.length === 1 ? 'is' : 'are'} pruned. Name only layers that stay.`,
          };
      }
    },
  },
  {
    code: 'trained-and-adapted',
    severity: 'error',
    needs: 'file',
    rule: 'A tensor is either trained or adapted by LoRA.',
    check: trainedAndAdapted,
  },
  {
    code: 'lora-unknown-target',
    severity: 'error',
    needs: 'model',
    rule: '`lora.targets` names linear modules of the model.',
    *check(context) {
      const { linearModules } = context.facts.model!;
      const short = linearModules.map((m) => m.split('.').at(-1)!);
      for (const { name, lora } of armsOf(context)) {
        if (!lora || lora.targets === 'all_linear') continue;
        for (const [i, target] of lora.targets.entries()) {
          if (linearModules.some((m) => isModule(m, target))) continue;
          const path = ['arms', name, 'lora', 'targets', i];
          const part = [0, target.length] as const;
          const meant = nearest(target, short);
          yield {
            path,
            part,
            message: `The model has no linear module \`${target}\`. ${meant ? `Did you mean \`${meant}\`?` : `It has ${short.join(', ')}.`}`,
            fixes: meant ? changePart(context.tree, path, part, meant) : [],
          };
        }
      }
    },
  },
  {
    code: 'lora-layer-out-of-range',
    severity: 'error',
    needs: 'model',
    rule: '`lora.layers` are layers of the resulting stack, numbered from 0.',
    *check(context) {
      for (const arm of armsOf(context)) {
        const stack = stackOf(changesOf(context, arm), context.facts.model!.layers);
        if (!stack) continue;
        for (const [i, layer] of (arm.lora?.layers ?? []).entries()) {
          const path = ['arms', arm.name, 'lora', 'layers', i];
          if (layer >= stack.length)
            yield {
              path,
              message: `There is no layer ${layer}: the resulting stack has layers 0 to ${stack.length - 1}.`,
              fixes: changeTo(context.tree, path, `${stack.length - 1}`),
            };
        }
      }
    },
  },
  {
    code: 'lora-adapter-rank',
    severity: 'error',
    needs: 'files',
    rule: 'A `rank` beside `adapter` is the rank of the adapter.',
    *check(context) {
      for (const { name, lora } of armsOf(context)) {
        const own = context.facts.adapters?.[name]?.rank;
        if (own === undefined || lora?.rank.kind !== 'fixed' || lora.rank.rank === own) continue;
        const path = ['arms', name, 'lora', 'rank'];
        yield {
          path,
          message: `\`rank\` is ${lora.rank.rank}, but the adapter has rank ${own}. Write ${own}, or leave \`rank\` out.`,
          fixes: changeTo(context.tree, path, `${own}`),
        };
      }
    },
  },
  {
    code: 'lora-match-untrained',
    severity: 'error',
    needs: 'file',
    rule: 'The arm that a rank is matched with trains something.',
    *check(context) {
      for (const { name, lora } of armsOf(context)) {
        if (lora?.rank.kind !== 'match') continue;
        const other = Object.hasOwn(context.experiment.arms, lora.rank.arm)
          ? context.experiment.arms[lora.rank.arm]
          : undefined;
        if (other && !other.train && !other.lora)
          yield {
            path: ['arms', name, 'lora', 'arm'],
            message: `\`${other.name}\` trains nothing, so no rank matches it. Name an arm that trains.`,
            unless: [['arms', other.name]],
          };
      }
    },
  },
  {
    code: 'weight-decay-identity',
    severity: 'warning',
    needs: 'file',
    rule: 'Weight decay erodes blocks that start as identity: most of their weights get no gradient at first.',
    *check(context) {
      for (const arm of armsOf(context)) {
        const root = lineage(context.experiment, arm.name)?.at(-1);
        const trainsNew = arm.train?.some((s) => s.kind === 'all' || s.kind === 'new' || s.kind === 'inserted');
        if (root !== arm || !arm.expand?.identity || !trainsNew || !arm.training?.weight_decay) continue;
        const path = trainingPath(context, arm.name, 'weight_decay');
        yield {
          path,
          message:
            'Inserted blocks start as identity, so most of their weights get no gradient at first and weight decay only shrinks them. Set `weight_decay: 0` for arms with `expand`.',
          fixes: withoutDecay(context, arm.name, path),
        };
      }
    },
  },
];

/** No weight decay in this arm, whatever the others have. */
function withoutDecay({ tree }: CheckContext, arm: string, path: Path): Fix[] {
  if (path[0] === 'arms') return changeTo(tree, path, '0');
  const own = ['arms', arm, 'training'];
  const edits = tree.has(own)
    ? addEntry(tree, own, 'weight_decay', '0')
    : addEntry(tree, ['arms', arm], 'training', '{ weight_decay: 0 }');
  return edits.length > 0 ? [{ title: `Set weight_decay: 0 in '${arm}'`, edits }] : [];
}
