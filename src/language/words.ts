import { lineage } from '../experiment/stack.ts';
import { count, parameters } from '../plan/amounts.ts';
import { ranges, segments, surgeryWords, trainedGroups } from '../plan/describe.ts';
import type { ArmPlan } from '../plan/types.ts';
import type { View } from './view.ts';

// What arms and rules come to, in words: for hovers, lenses and inlay hints.

export function plural(n: number, word: string, many = `${word}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? word : many}`;
}

/** `85.0 K trained of 1.62 M` */
export function trainedWords({ trainedParameters, totalParameters }: ArmPlan): string {
  if (trainedParameters === 0) return `nothing trained of ${parameters(totalParameters)}`;
  return `${parameters(trainedParameters)} trained of ${parameters(totalParameters)}`;
}

/** `after 1, 3, 5: 15 layers`: where blocks are inserted and what the stack is then. */
export function insertedWords({ surgery, layers }: ArmPlan): string | undefined {
  const { expand } = surgery;
  return expand && `after ${expand.after.join(', ')}: ${plural(layers.length, 'layer')}`;
}

/** The whole arm in one line. */
export function armLine(arm: ArmPlan): string {
  if (arm.pending !== undefined) return arm.pending;
  const change = [arm.from === undefined ? [] : [`from ${arm.from}`], surgeryWords(arm)].flat().join('; ');
  return `${change === '' ? '' : `${change}. `}${plural(arm.layers.length, 'layer')}, ${trainedWords(arm)}`;
}

/** The stack of the arm by the base's numbers: `0-1 **1+** 2-3 **3+** 4-5 **6=6-7** ~~7~~`. */
export function stackMarkdown({ layers, pruned }: ArmPlan): string {
  const marks = { kept: '', new: '**', merged: '**', pruned: '~~' };
  return segments(layers, pruned)
    .map(({ kind, base }) => `${marks[kind]}${base.replace(/[()]/g, '')}${marks[kind]}`)
    .join(' ');
}

/** What is trained, one line for each group of tensors that read alike. */
export function trainedLines({ trained, config, layers }: ArmPlan): string[] {
  return trainedGroups(trained, config).map(({ layers: here, modules, whole }) => {
    if (here.length === 0) return modules.join(', ');
    const labels = here.length === layers.length ? `0-${layers.length - 1}` : ranges(here);
    return `${here.length === 1 ? 'layer' : 'layers'} ${labels} of the result: ${whole ? 'every tensor' : modules.join(', ')}`;
  });
}

/** `32 steps × 1,024 tokens = 32.8 k tokens` */
export function trainingWords({ shape }: ArmPlan): string | undefined {
  if (shape?.steps === undefined) return undefined;
  const perStep = shape.batch * shape.sequence;
  return `${plural(shape.steps, 'step')} × ${count(perStep)} tokens = ${count(shape.steps * perStep)} tokens`;
}

/** Runs of an arm: one for each seed, one in all where nothing is trained. */
export function runsOfArm({ draft }: View, name: string): number {
  const trains = lineage(draft, name)?.some(({ train, lora }) => train !== undefined || lora !== undefined);
  return trains ? draft.seeds.length : 1;
}
