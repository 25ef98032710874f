import type { Experiment } from '../experiment/types.ts';
import { bytes } from './amounts.ts';
import { type PlannedArm, type PlannedArms, storedWeights } from './arms.ts';
import { peakMemory } from './cost.ts';
import type { Diagnostics } from './diagnostics.ts';
import { missingRows } from './training.ts';
import type { PlannableFacts, TrainingShape } from './types.ts';

/** Checks that need what only a plan knows: contents of corpora, memory, overlaps. Each has its own code. */
export function checkFacts(
  experiment: Experiment,
  facts: PlannableFacts,
  { arms }: PlannedArms,
  diagnostics: Diagnostics,
): void {
  for (const { path, code, severity, message } of facts.problems) diagnostics.add(severity, path, code, message);
  for (const arm of arms) {
    checkRows(arm, facts, diagnostics);
    checkMemory(arm, experiment, facts, diagnostics);
  }
  checkOverlaps(facts, diagnostics);
}

function checkRows({ spec, plan }: PlannedArm, { contents }: PlannableFacts, diagnostics: Diagnostics): void {
  const { training } = spec;
  const main = contents?.[training?.corpus ?? ''];
  if (training === undefined || plan.shape === undefined || main === undefined) return;
  const path = (key: string) =>
    spec.overrides.includes(key) ? ['arms', spec.name, 'training', key] : ['training', key];
  const replay = training.replay && contents?.[training.replay.corpus];
  const distill = training.distill && contents?.[training.distill.corpus];
  const { steps, batch, sequence } = plan.shape;
  for (const content of [main, replay, distill])
    if (content?.rowLength !== undefined && content.rowLength !== sequence)
      diagnostics.error(
        path(training.sequence === undefined ? 'corpus' : 'sequence'),
        'token-rows-length',
        `The rows of ${content.name} have ${content.rowLength} tokens, but "sequence" is ${sequence}. Write "sequence: ${content.rowLength}".`,
      );
  if (main.kind === 'tokens' && training.length.unit === 'epochs')
    diagnostics.error(
      path('epochs'),
      'invalid-epochs',
      `Token rows are taken in order, once, so ${main.name} has no epochs. Write "steps: ${Math.floor(main.documents / batch)}" to use all rows.`,
    );
  if (steps === undefined) return;
  for (const { corpus, needed, there } of missingRows(training, steps, main, replay, distill))
    diagnostics.error(
      path(training.length.unit),
      'token-rows-too-few',
      `Arm ${spec.name} takes ${needed} rows of ${corpus} (${steps} steps of ${batch}), but it has ${there}. Token rows are not repeated: add rows, or train fewer steps.`,
    );
}

function checkMemory(
  { spec, plan, stack }: PlannedArm,
  { target }: Experiment,
  facts: PlannableFacts,
  diagnostics: Diagnostics,
): void {
  const { machine } = facts;
  if (machine === undefined || target.kind !== 'local' || plan.cost.memory <= machine.memory) return;
  const { shape } = plan;
  const needs = (changed: Partial<TrainingShape>) =>
    peakMemory(
      stack,
      { names: new Set(plan.trained), ...(plan.lora && { lora: plan.lora }) },
      shape && { ...shape, ...changed },
      storedWeights(facts, spec.training),
    );
  const least = shape && needs({ microBatch: 1, recompute: true });
  const fitting = shape && smaller(shape).find(({ changed }) => needs(changed) <= machine.memory);
  const key = shape && least! <= machine.memory ? causeOf(shape) : undefined;
  const path = spec.overrides.includes(key ?? '') ? ['arms', plan.name, 'training', key!] : ['training', key ?? ''];
  const remedy = fitting
    ? `Set ${fitting.words}: about ${bytes(needs(fitting.changed))}.`
    : 'Make "sequence" shorter, train fewer tensors, or use LoRA.';
  diagnostics.add(
    'warning',
    key === undefined ? ['arms', plan.name] : path,
    'memory-above-device',
    `Arm ${plan.name} needs about ${bytes(plan.cost.memory)} of memory, and this machine has ${bytes(machine.memory)}. ${remedy}`,
  );
}

/** The key that most of the memory follows from, where less of it would do. */
function causeOf({ batch, microBatch }: TrainingShape): 'sequence' | 'micro_batch' | 'batch' {
  if (microBatch === 1) return 'sequence';
  return microBatch < batch ? 'micro_batch' : 'batch';
}

/** Settings of the same training with less memory, the least change first. */
function smaller({ microBatch, recompute }: TrainingShape): { words: string; changed: Partial<TrainingShape> }[] {
  const divisors = Array.from({ length: microBatch - 1 }, (_, i) => microBatch - 1 - i).filter(
    (n) => microBatch % n === 0,
  );
  const again = recompute ? [] : [{ words: '"recompute: true"', changed: { recompute: true } }];
  return [
    ...again,
    ...divisors.map((n) => ({
      words: recompute ? `"micro_batch: ${n}"` : `"micro_batch: ${n}" and "recompute: true"`,
      changed: { microBatch: n, recompute: true },
    })),
  ];
}

function checkOverlaps({ overlaps }: PlannableFacts, diagnostics: Diagnostics): void {
  const path = ['evaluation', 'tasks'];
  for (const { task, corpora, documents, overlapping } of overlaps ?? []) {
    const trained = corpora.join(', ');
    if (overlapping === undefined)
      diagnostics.add(
        'warning',
        path,
        'contamination-unchecked',
        `Whether documents of ${task} are among what is trained on (${trained}) was not checked: the text is too large for it.`,
      );
    else if (overlapping > 0)
      diagnostics.add(
        'warning',
        path,
        'contamination',
        `${overlapping} of ${documents} documents of ${task} share a run of 13 words with what is trained on (${trained}): on these the task measures what was seen.`,
      );
  }
}
