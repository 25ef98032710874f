import { removeEntry } from '../edits.ts';
import { mergeTraining } from '../resolve.ts';
import { lengthUnits } from '../schema-arms.ts';
import type { Path } from '../tree.ts';
import type { ArmSpec, TrainingSpec } from '../types.ts';
import { type Check, type CheckContext, changeTo, type Finding, trainingPath } from './check.ts';

/** Each arm that trains, as it is written. */
function* trainedArms({ written }: CheckContext) {
  for (const [name, arm] of Object.entries(written.arms ?? {}))
    if (arm.train !== undefined || arm.lora !== undefined)
      yield { name, own: arm.training, merged: mergeTraining(written.training, arm.training) };
}

/** Each arm with everything that it trains with. */
function* complete({ experiment }: CheckContext): Iterable<ArmSpec & { training: TrainingSpec }> {
  for (const arm of Object.values(experiment.arms)) if (arm.training) yield { ...arm, training: arm.training };
}

function* missingTraining(context: CheckContext): Iterable<Finding> {
  const { written, tree } = context;
  for (const { name, own, merged } of trainedArms(context)) {
    const sections: Path[] = [['training'], ['arms', name, 'training']];
    const home: Path = written.training ? ['training'] : own ? sections[1]! : ['arms', name];
    if (Object.keys(merged).length === 0 && !own) {
      yield {
        path: home,
        part: 'key',
        message:
          'This arm trains something, but there is no `training`. Add `training` with `corpus`, `learning_rate` and `steps`.',
        unless: sections,
      };
      continue;
    }
    for (const key of ['corpus', 'learning_rate'] as const) {
      if (merged[key] !== undefined) continue;
      const removed = own !== undefined && own[key] === null;
      yield {
        path: removed ? ['arms', name, 'training', key] : home,
        part: 'key',
        message: removed
          ? `\`${key}\` is needed and cannot be removed. Give a value, or leave it out to keep the experiment's.`
          : `\`training\` needs \`${key}\`.`,
        fixes: removed ? [{ title: `Remove '${key}'`, edits: removeEntry(tree, ['arms', name, 'training', key]) }] : [],
        unless: sections,
      };
    }
  }
}

function* wrongLength(context: CheckContext): Iterable<Finding> {
  const { tree, written } = context;
  for (const { name, own, merged } of trainedArms(context)) {
    const sections: Path[] = [['training'], ['arms', name, 'training']];
    if (Object.keys(merged).length === 0 && !own) continue;
    const units = lengthUnits.filter((unit) => merged[unit] !== undefined);
    if (units.length === 0)
      yield {
        path: written.training ? ['training'] : sections[1]!,
        part: 'key',
        message: '`training` needs a length: one of `steps`, `tokens`, `epochs`.',
        unless: sections,
      };
    for (const unit of units.slice(1)) {
      const path = trainingPath(context, name, unit);
      yield {
        path,
        part: 'key',
        message: `The length is given twice, as \`${units[0]}\` and as \`${unit}\`. Keep exactly one of \`steps\`, \`tokens\`, \`epochs\`.`,
        fixes: [{ title: `Remove '${unit}'`, edits: removeEntry(tree, path) }],
      };
    }
  }
}

/** An arm whose model is the one that the file names. */
const isUnchanged = (arm: ArmSpec) => !(arm.from || arm.expand || arm.prune || arm.merge || arm.train || arm.lora);

/** The largest divisor of `batch` that is at most `wanted`. */
function divisorBelow(batch: number, wanted: number): number {
  for (let n = Math.min(wanted, batch); n > 1; n--) if (batch % n === 0) return n;
  return 1;
}

export const trainingChecks: Check[] = [
  {
    code: 'training-missing',
    severity: 'error',
    needs: 'file',
    rule: 'An arm that trains has `corpus` and `learning_rate`, its own or those of the experiment.',
    check: missingTraining,
  },
  {
    code: 'training-length',
    severity: 'error',
    needs: 'file',
    rule: "Exactly one of `steps`, `tokens`, `epochs`; an arm's own replaces the experiment's.",
    check: wrongLength,
  },
  {
    code: 'training-unused',
    severity: 'error',
    needs: 'file',
    rule: 'An arm with `training` has `train` or `lora`.',
    *check({ written, tree }) {
      for (const [name, arm] of Object.entries(written.arms ?? {}))
        if (arm.training && arm.train === undefined && arm.lora === undefined) {
          const path = ['arms', name, 'training'];
          yield {
            path,
            part: 'key',
            message:
              'This arm trains nothing: it has `training`, but neither `train` nor `lora`. Add one of them, or remove `training`.',
            fixes: [{ title: "Remove 'training'", edits: removeEntry(tree, path) }],
            unless: [['arms', name]],
          };
        }
    },
  },
  {
    code: 'training-for-nothing',
    severity: 'warning',
    needs: 'file',
    rule: '`training` without an arm that trains has no effect.',
    *check(context) {
      if (context.written.training && [...trainedArms(context)].length === 0)
        yield {
          path: ['training'],
          part: 'key',
          message: 'No arm trains anything, so `training` has no effect. Add `train` or `lora` to an arm.',
          unless: [['arms']],
        };
    },
  },
  {
    code: 'micro-batch',
    severity: 'error',
    needs: 'file',
    rule: '`micro_batch` divides `batch`.',
    *check(context) {
      for (const { name, training } of complete(context)) {
        const { batch, micro_batch } = training;
        if (batch % micro_batch === 0) continue;
        const path = trainingPath(context, name, 'micro_batch');
        const better = divisorBelow(batch, micro_batch);
        yield {
          path,
          message: `\`micro_batch\` ${micro_batch} does not divide \`batch\` ${batch}. Take a divisor, such as ${better}.`,
          fixes: changeTo(context.tree, path, `${better}`),
        };
      }
    },
  },
  {
    code: 'sequence-too-long',
    severity: 'error',
    needs: 'model',
    rule: "`sequence` is at most the model's positions.",
    *check(context) {
      const { positions } = context.facts.model!;
      for (const { name, training } of complete(context)) {
        if (training.sequence === undefined || training.sequence <= positions) continue;
        const path = trainingPath(context, name, 'sequence');
        yield {
          path,
          message: `The model has ${positions} positions, so \`sequence\` is at most ${positions}, not ${training.sequence}.`,
          fixes: changeTo(context.tree, path, `${positions}`),
        };
      }
    },
  },
  {
    code: 'replay-same-corpus',
    severity: 'warning',
    needs: 'file',
    rule: 'Replay of the corpus that is learnt replays nothing old.',
    *check(context) {
      for (const { name, training } of complete(context))
        if (training.replay && training.replay.corpus === training.corpus)
          yield {
            path: [...trainingPath(context, name, 'replay'), 'corpus'],
            message: `\`${training.corpus}\` is both learnt and replayed, so nothing old is kept by it. Replay another corpus.`,
          };
    },
  },
  {
    code: 'distill-teacher',
    severity: 'error',
    needs: 'file',
    rule: 'The teacher of `distill` is an arm that changes nothing.',
    *check(context) {
      const { arms } = context.experiment;
      for (const { name, training } of complete(context)) {
        const teacher =
          training.distill && Object.hasOwn(arms, training.distill.teacher) && arms[training.distill.teacher];
        if (!teacher || isUnchanged(teacher)) continue;
        const unchanged = Object.values(arms).find(isUnchanged);
        const path = [...trainingPath(context, name, 'distill'), 'teacher'];
        yield {
          path,
          message: `\`${teacher.name}\` changes the model, and only the unchanged one can teach. ${unchanged ? `Write \`${unchanged.name}\`` : 'Add an arm `base: {}` and write `base`'}.`,
          fixes: unchanged ? changeTo(context.tree, path, unchanged.name) : [],
        };
      }
    },
  },
  {
    code: 'keep-best',
    severity: 'error',
    needs: 'file',
    rule: '`keep: {best: TASK}` names an evaluated task, and `evaluation.every` says when it is measured.',
    *check(context) {
      const { evaluation } = context.experiment;
      for (const { name, training } of complete(context)) {
        if (training.keep === 'last') continue;
        const path = [...trainingPath(context, name, 'keep'), 'best'];
        if (!evaluation.tasks.includes(training.keep.best))
          yield {
            path,
            message: `\`${training.keep.best}\` is not among the evaluated tasks. Add it to \`evaluation.tasks\`, or choose by one of them.`,
            unless: [['evaluation', 'tasks']],
          };
        if (evaluation.every === undefined)
          yield {
            path,
            message:
              'Without `evaluation.every` there is only the last step to keep. Say how often to evaluate: `evaluation: { every: 64 }`.',
            unless: [['evaluation', 'every']],
          };
      }
    },
  },
  {
    code: 'stream-token-rows',
    severity: 'warning',
    needs: 'file',
    rule: '`packing: stream` has no effect on token rows: a row is one document.',
    *check(context) {
      for (const { name, training } of complete(context)) {
        const corpus = Object.hasOwn(context.experiment.corpora, training.corpus)
          ? context.experiment.corpora[training.corpus]
          : undefined;
        if (training.packing === 'stream' && corpus?.kind === 'tokens')
          yield {
            path: trainingPath(context, name, 'packing'),
            message: `\`${training.corpus}\` holds token rows, which are taken as they are: \`packing: stream\` has no effect on them.`,
          };
      }
    },
  },
];
