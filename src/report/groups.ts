import type { TensorProofs } from '../record/types.ts';
import { mean, standardDeviation } from '../statistics/moments.ts';
import { studentInterval } from '../statistics/student.ts';
import type { ArmRun, ArmValue, ComparedArm, ComparedMetric, ComparedRun, Proof } from './types.ts';

/** The runs of one arm, in the order of their seeds. */
export interface Group {
  arm: string;
  runs: ComparedRun[];
}

export const seedOf = (run: ComparedRun): number | undefined => run.run.request.seed;

export function groupRuns(arms: readonly string[], runs: readonly ComparedRun[]): Group[] {
  return arms.map((arm) => ({
    arm,
    runs: runs.filter((r) => r.run.request.arm === arm).sort((a, b) => (seedOf(a) ?? 0) - (seedOf(b) ?? 0)),
  }));
}

const list = (layers: readonly number[]): string => layers.join(', ');
const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

/** What an arm changes, one phrase each, from the run's own specification. */
export function changesOf({ run, source }: ComparedRun): string[] {
  if (source) return [`results of ${source.program}${source.model === undefined ? '' : ` for ${source.model}`}`];
  const { surgery, lora, trained, parent } = run.spec;
  const changes: string[] = [];
  if (parent) changes.push('starts from the finished weights of its parent arm');
  if (surgery.expand) {
    const { after, init, identity } = surgery.expand;
    changes.push(
      `${plural(after.length, 'block')} inserted after ${list(after)} (${init}${identity ? ', identity' : ', no identity'})`,
    );
  }
  if (surgery.prune?.length)
    changes.push(`layer${surgery.prune.length === 1 ? '' : 's'} ${list(surgery.prune)} pruned`);
  if (surgery.merge) changes.push(`layer ${surgery.merge.into} is the average of ${list(surgery.merge.of)}`);
  if (lora) {
    changes.push(
      `LoRA of rank ${lora.rank}, alpha ${lora.alpha}${lora.rslora ? ' (rsLoRA)' : ''} on ${plural(lora.weights.length, 'weight')}`,
    );
  }
  if (trained.length > 0) changes.push(`${plural(trained.length, 'tensor')} trained`);
  return changes.length > 0 ? changes : ['nothing'];
}

const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const isFactor = (name: string): boolean => /\.lora_[AB]\./.test(name);

/**
 * Parameters the optimizer touched, LoRA factors included, and parameters of the resulting model without them (as the plan
 * counts them), from `tensors.json`.
 */
export function parametersOf({ run, tensors }: ComparedRun): { trained: number; total: number } | undefined {
  if (!tensors) return undefined;
  const entries = Object.entries(tensors);
  const model = entries.filter(([name]) => !isFactor(name));
  let trained = model.reduce((sum, [, t]) => sum + (t.role === 'trained' ? elements(t.shape) : 0), 0);
  const total = model.reduce((sum, [, t]) => sum + elements(t.shape), 0);
  // Per adapted weight [out, in], A is [rank, in] and B [out, rank].
  for (const weight of run.spec.lora?.weights ?? []) {
    const [out = 0, into = 0] = tensors[weight]?.shape ?? [];
    trained += run.spec.lora!.rank * (out + into);
  }
  return { trained, total };
}

function identityProof(run: ComparedRun): Proof {
  if (run.identity) return run.identity;
  return run.run.spec.surgery.expand
    ? { state: 'absent', detail: 'The run has not reported it.' }
    : { state: 'not-applicable', detail: 'Nothing was inserted.' };
}

/** Frozen tensors have the same hash at the end as at the start. */
function frozenProof(tensors: TensorProofs | undefined): Proof {
  if (!tensors) return { state: 'absent', detail: 'The run has no tensors.json.' };
  const frozen = Object.entries(tensors).filter(([, t]) => t.role === 'frozen');
  if (frozen.length === 0) return { state: 'not-applicable', detail: 'Every tensor is trained.' };
  const changed = frozen.filter(([, t]) => t.start !== t.end).map(([name]) => name);
  if (changed.length === 0) {
    return { state: 'holds', detail: `${plural(frozen.length, 'frozen tensor')} unchanged, byte for byte.` };
  }
  return {
    state: 'broken',
    detail: `${changed.length} of ${frozen.length} frozen tensors changed: ${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ' …' : ''}.`,
  };
}

/** Seconds of optimizer steps, from the recorded speed: right for resumed runs too, whose clock starts anew. */
function trainSeconds({ run, steps }: ComparedRun): number | undefined {
  const { training } = run.spec;
  if (!training || steps.length === 0) return undefined;
  return steps.reduce((seconds, s) => seconds + (training.batch * training.sequence) / s.tokens_per_second, 0);
}

const unproven: Proof = { state: 'not-applicable', detail: 'Read from files, not made by a run.' };

function armRun(data: ComparedRun): ArmRun {
  const { id, state, request, spec } = data.run;
  const seconds = trainSeconds(data);
  return {
    id,
    ...(request.seed !== undefined && { seed: request.seed }),
    state,
    hash: request.hash,
    model: spec.model,
    device: spec.device,
    threads: request.threads,
    version: request.version,
    identity: data.source ? unproven : identityProof(data),
    frozen: data.source ? unproven : frozenProof(data.tensors),
    ...(seconds !== undefined && Number.isFinite(seconds) && { trainSeconds: seconds }),
  };
}

/** The arm's recorded values on a metric; undefined if no run has it. */
export function armValue(
  { runs }: Group,
  { task, metric }: Pick<ComparedMetric, 'task' | 'metric'>,
): ArmValue | undefined {
  const seeds = runs.flatMap((r) => {
    const score = r.run.scores?.[task]?.[metric];
    const seed = seedOf(r);
    return score ? [{ ...(seed !== undefined && { seed }), ...score }] : [];
  });
  if (seeds.length === 0) return undefined;
  const values = seeds.map((s) => s.value);
  return {
    task,
    metric,
    value: mean(values),
    ...(seeds.length > 1 && {
      seedDeviation: standardDeviation(values),
      seedInterval: studentInterval(values),
    }),
    seeds,
  };
}

export function summarise(group: Group, metrics: readonly ComparedMetric[]): ComparedArm {
  const first = group.runs[0];
  const counted = group.runs.map(parametersOf).find((p) => p !== undefined);
  const runs = group.runs.map(armRun);
  const seconds = runs.flatMap((r) => r.trainSeconds ?? []);
  return {
    name: group.arm,
    changes: first ? changesOf(first) : [],
    ...(counted && { trainedParameters: counted.trained, totalParameters: counted.total }),
    ...(first?.run.spec.training && { steps: first.run.spec.training.steps }),
    ...(seconds.length > 0 && { trainSeconds: mean(seconds) }),
    runs,
    values: metrics.flatMap((m) => armValue(group, m) ?? []),
  };
}
