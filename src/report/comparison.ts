import { version } from '../base/version.ts';
import type { CompareSpec, MetricRef } from '../experiment/types.ts';
import { states } from '../record/state.ts';
import { defaultResamples } from '../statistics/bootstrap.ts';
import { metricOf } from '../tasks/metrics.ts';
import { overlappingOf, withCleanValues } from './contamination.ts';
import { contrastsOf, type Pair } from './contrast.ts';
import { lossCurves, scoreCurves } from './curves.ts';
import { runNotes, trainingDifferences } from './differences.ts';
import { documentTexts } from './documents.ts';
import { drawsFor } from './effects.ts';
import { defaultMargin } from './equivalence.ts';
import { type Group, groupRuns, summarise } from './groups.ts';
import { primaryMetric } from './metrics.ts';
import { correct } from './significance.ts';
import { lossSpikes } from './stability.ts';
import type {
  ComparedArm,
  ComparedMetric,
  CompareInput,
  CompareOptions,
  Comparison,
  Contrast,
  MissingRun,
  Role,
} from './types.ts';
import { minimumDocuments } from './verdict.ts';

const level = 0.95;

/**
 * One value for every view (design §2, §7): arms with their values and proofs, the subject against the baseline and every
 * other arm with intervals and verdicts, curves, and what is missing. Pure; the same runs and options give the same value.
 */
export function compare(input: CompareInput, options: CompareOptions = {}): Comparison {
  const { seed = 0, resamples = defaultResamples, shownFlips = 20, margin = defaultMargin } = options;
  const overlapping = overlappingOf(input);
  const groups = groupRuns(input.arms, input.runs);
  const metrics = comparedMetrics(input.compare, groups);
  const baseline = input.compare.baseline ?? defaultBaseline(groups);
  const subject = input.compare.subject ?? defaultSubject(groups, baseline);
  const pairs = pairsOf(groups, baseline, subject);
  const resampling = { level, resamples, seed, draws: drawsFor(resamples, seed) };
  const byMetric = metrics.map((metric) =>
    contrastsOf(metric, pairs, { ...resampling, margin, overlapping: overlapping.get(metric.task) }),
  );
  const contrasts = pairs.flatMap((_, i) => byMetric.map((column) => column[i]!));
  correct(contrasts);
  const arms = withCleanValues(
    groups.map((g) => summarise(g, metrics)),
    groups,
    overlapping,
  );
  return {
    title: input.title,
    ...(input.file !== undefined && { file: input.file }),
    version,
    method: { level, resamples, seed, minimumDocuments, margin },
    ...(baseline !== undefined && { baseline }),
    ...(subject !== undefined && { subject }),
    metrics,
    arms,
    contrasts,
    missing: missingRuns(input),
    stale: input.stale,
    overlaps: input.overlaps ?? [],
    notes: [
      ...proofNotes(arms),
      ...spikeNotes(groups),
      ...keptNotes(groups, metrics),
      ...precisionNotes(groups),
      ...(input.warnings ?? []),
      ...runNotes(groups),
      ...metricNotes(input.compare, metrics),
      ...tokenNotes(metrics),
      ...pairingNotes(contrasts),
    ],
    differences: trainingDifferences(groups),
    lossCurves: lossCurves(groups),
    scoreCurves: metrics.flatMap((m) => {
      const curves = scoreCurves(groups, m);
      return curves.length > 0 ? [{ task: m.task, metric: m.metric, curves }] : [];
    }),
    ...(input.importance && { importance: input.importance }),
    ...(input.measured && input.measured.length > 0 && { measured: input.measured }),
    documents: documentTexts(groups, contrasts, shownFlips),
  };
}

/** A broken proof makes a run's numbers worthless for the question that was asked, so it is said wherever there are numbers. */
function proofNotes(arms: readonly ComparedArm[]): string[] {
  return arms.flatMap(({ name, runs }) =>
    runs.flatMap((run) =>
      (['identity', 'frozen'] as const)
        .filter((which) => run[which].state === 'broken')
        .map((which) => `${name} (${run.id}): the proof of ${proofNames[which]} is broken. ${run[which].detail}`),
    ),
  );
}

/** Losses that jumped: a score after it says less about the method than about its learning rate. */
function spikeNotes(groups: readonly Group[]): string[] {
  return groups.flatMap(({ arm, runs }) =>
    runs.flatMap(({ run, steps }) => {
      const spikes = lossSpikes(steps);
      const [first] = spikes;
      if (!first) return [];
      const times = spikes.length === 1 ? 'once' : `${spikes.length} times`;
      return `${arm} (${run.id}): the loss jumped ${times}, first at step ${first.step} from about ${first.usual.toFixed(2)} to ${first.loss.toFixed(2)}.`;
    }),
  );
}

/** Which weights an arm is, where the best were kept; a task that chose says more good of it than one that did not. */
function keptNotes(groups: readonly Group[], metrics: readonly ComparedMetric[]): string[] {
  return groups.flatMap(({ arm, runs }) => {
    const kept = runs.flatMap(({ kept, run }) => (kept ? [{ ...kept, of: run.spec.training?.steps }] : []));
    const [first] = kept;
    if (!first) return [];
    const steps = kept.map((k) => k.step).join(', ');
    const judged = metrics.some((m) => m.task === first.task)
      ? ` A verdict on ${first.task} favours it for that; judge it by the other tasks.`
      : '';
    return `${arm}: its weights are those of step ${steps} of ${first.of ?? '–'}, the best by ${first.task} ${first.metric}.${judged}`;
  });
}

/** What the lower precision of frozen weights cost before anything was trained: it is a part of what the arm is blamed for. */
function precisionNotes(groups: readonly Group[]): string[] {
  return groups.flatMap(({ arm, runs }) => {
    const found = runs.flatMap(({ precision }) => precision ?? [])[0];
    if (!found) return [];
    const { kind, tokens, stored, lowered } = found;
    const change = lowered - stored;
    return `${arm}: its frozen matrices are in ${kind}, which changed the loss before training by ${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(4)} nats a token (${stored.toFixed(4)} to ${lowered.toFixed(4)} on ${tokens} tokens); it was trained and evaluated so.`;
  });
}

const proofNames = { identity: 'identity', frozen: 'frozen tensors' };

const isTrained = ({ runs }: Group): boolean => runs.some((r) => r.run.spec.training !== undefined);
const isChanged = ({ runs }: Group): boolean =>
  runs.some((r) => Object.keys(r.run.spec.surgery).length > 0 || r.run.spec.parent !== undefined);

const isForeign = ({ runs }: Group): boolean => runs.length > 0 && runs.every((r) => r.source);

/** The arm called `base`, else the first that changes nothing; of results that were all read from files the first. */
function defaultBaseline(groups: readonly Group[]): string | undefined {
  const named = groups.find((g) => g.arm === 'base');
  const unchanged = groups.find((g) => g.runs.length > 0 && !isForeign(g) && !isTrained(g) && !isChanged(g));
  return (named ?? unchanged ?? (groups.every(isForeign) ? groups[0] : undefined))?.arm;
}

/** The first arm with `expand` (design §7); of results that were all read from files the second. */
function defaultSubject(groups: readonly Group[], baseline: string | undefined): string | undefined {
  const others = groups.filter((g) => g.arm !== baseline);
  const expanded = others.find((g) => g.runs.some((r) => r.run.spec.surgery.expand));
  return (expanded ?? (groups.every(isForeign) ? others[0] : undefined))?.arm;
}

/** Every arm against the baseline, then the subject against every other arm. */
function pairsOf(groups: readonly Group[], baseline: string | undefined, subject: string | undefined): Pair[] {
  const find = (name: string | undefined) => groups.find((g) => g.arm === name);
  const [base, chosen] = [find(baseline), find(subject)];
  const toBaseline = base ? groups.filter((g) => g !== base).map((arm) => ({ arm, against: base })) : [];
  const toOthers = chosen
    ? groups.filter((g) => g !== chosen && g !== base).map((against) => ({ arm: chosen, against }))
    : [];
  return [...toBaseline, ...toOthers];
}

/** Metrics recorded for a task by any run. */
function recorded(groups: readonly Group[], task: string): string[] {
  const names = groups.flatMap((g) => g.runs.flatMap((r) => Object.keys(r.run.scores?.[task] ?? {})));
  return [...new Set(names)].filter((name) => metricOf(name));
}

/** Gain, then forgetting, then the primary metric of every other evaluated task. */
function comparedMetrics(spec: CompareSpec, groups: readonly Group[]): ComparedMetric[] {
  const chosen: { ref: MetricRef; role: Role }[] = [
    ...(spec.gain ? [{ ref: spec.gain, role: 'gain' as const }] : []),
    ...spec.forgetting.map((ref) => ({ ref, role: 'forgetting' as const })),
  ];
  const named = new Set(chosen.map(({ ref }) => ref.task));
  const tasks = new Set(groups.flatMap((g) => g.runs.flatMap((r) => Object.keys(r.run.scores ?? {}))));
  for (const task of tasks) if (!named.has(task)) chosen.push({ ref: { task }, role: 'other' });
  return chosen.flatMap(({ ref, role }) => {
    const name = ref.metric ?? primaryMetric(recorded(groups, ref.task), ref.task);
    const metric = name === undefined ? undefined : metricOf(name);
    if (!metric) return [];
    return [
      { task: ref.task, metric: metric.name, role, unit: metric.unit, higherIsBetter: metric.direction === 'higher' },
    ];
  });
}

/** Tasks that the comparison names and that no run has been evaluated on. */
function metricNotes(spec: CompareSpec, metrics: readonly ComparedMetric[]): string[] {
  const refs = [...(spec.gain ? [spec.gain] : []), ...spec.forgetting];
  return refs
    .filter((ref) => !metrics.some((m) => m.task === ref.task))
    .map((ref) => `No run has results for ${ref.task}, which the comparison names.`);
}

/** Token rows have no text, so that bits per byte, which compare across tokenizers, cannot be had. */
function tokenNotes(metrics: readonly ComparedMetric[]): string[] {
  return metrics
    .filter((m) => m.metric === 'token_perplexity')
    .map(
      ({ task }) =>
        `${task} is made of token rows, which have no text and so no bits per byte: its perplexity is per token and says something only among models that share the tokenizer the rows were made with.`,
    );
}

function pairingNotes(contrasts: readonly Contrast[]): string[] {
  return contrasts
    .filter((c) => c.unpaired > 0)
    .map(
      (c) =>
        `${c.task}: ${c.unpaired} documents of ${c.arm} and ${c.against} differ in prompt or target, or stand in one of them only, and are not paired.`,
    );
}

function missingRuns({ planned, pending, runs }: CompareInput): MissingRun[] {
  const found = new Map(runs.map((r) => [`${r.run.request.arm} ${r.run.request.seed}`, r.run]));
  const missing: MissingRun[] = pending.map(({ arm, reason }) => ({ arm, reason: `pending: ${reason}` }));
  for (const { arm, seed, tasks, outdated = [] } of planned) {
    const entry = { arm, ...(seed !== undefined && { seed }) };
    const run = found.get(`${arm} ${seed}`);
    const lacking = tasks.filter((task) => !run?.scores?.[task]);
    const named = lacking.map((task) =>
      outdated.includes(task) ? `${task} (only for the task as it was before)` : task,
    );
    if (!run) missing.push({ ...entry, reason: 'not started' });
    else if (run.state !== 'succeeded') {
      missing.push({ ...entry, reason: `${states[run.state].word}${run.reason ? `: ${run.reason}` : ''}` });
    } else if (lacking.length > 0) missing.push({ ...entry, reason: `has no results for ${named.join(', ')}` });
  }
  return missing;
}
