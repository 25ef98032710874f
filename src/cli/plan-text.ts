import { linearModules } from '../model/names.ts';
import { bytes, count, duration, flops, grouped, parameters, percent } from '../plan/amounts.ts';
import { allRuns } from '../plan/analysis.ts';
import { layerLabels, segments, surgeryWords, trainedGroups } from '../plan/describe.ts';
import { assumedChange, assumedRepeat } from '../plan/detectable.ts';
import { parametersPerRank } from '../plan/lora.ts';
import { stackOf } from '../plan/selectors.ts';
import type { AnalysisPlan, ArmPlan, Plan } from '../plan/types.ts';

/** State of a run's directory, if there is one: `new`, `finished`, `resumable`, `running` … by run id. */
export type RunStates = ReadonlyMap<string, string>;

export interface PlanTextOptions {
  /** Width in characters. */
  columns: number;
  states: RunStates;
  /** The complete list of trained tensors of each arm. */
  tensors: boolean;
}

/** The plan as a person reads it before spending time. Pure; lines are at most `columns` wide where words allow it. */
export function planText(plan: Plan, options: PlanTextOptions): string {
  const blocks = [
    header(plan, options),
    ...(plan.analysis ? [analysisText(plan.analysis, options)] : []),
    ...plan.arms.map((arm) => armText(arm, plan, options)),
    total(plan, options),
  ];
  return blocks.map((lines) => lines.join('\n')).join('\n\n');
}

const margin = 11;

function header(plan: Plan, { columns }: PlanTextOptions): string[] {
  const { experiment, baseConfig: c, baseParameters, corpora } = plan;
  const heads = c.kvHeads === c.heads ? `${c.heads} heads` : `${c.heads}/${c.kvHeads} heads`;
  const model = [
    experiment.model,
    c.family,
    `${parameters(baseParameters)} parameters`,
    `${c.layers} layers`,
    `hidden ${c.hiddenSize}`,
    heads,
    `vocabulary ${grouped(c.vocabSize)}`,
    ...(c.tied ? ['tied head'] : []),
  ].join(', ');
  const { every, tasks: evaluated } = experiment.evaluation;
  const tasks = `${evaluated.join(', ')}${every === undefined ? '' : `; every ${plural(every, 'step')}`}`;
  const names = Math.max(0, ...corpora.map((corpus) => corpus.name.length));
  const units = corpora.some((corpus) => corpus.kind === 'text') ? 9 : 4;
  const rows = corpora.flatMap((corpus) => {
    const about = corpus.exact ? '  ' : '≈ ';
    const unit = (corpus.kind === 'tokens' ? 'rows' : 'documents').padEnd(units);
    const held = corpus.holdoutDocuments > 0 ? `, and ${count(corpus.holdoutDocuments)} held out` : '';
    const documents = `${grouped(corpus.documents).padStart(9)} ${unit}`;
    return wrap(
      `${corpus.name.padEnd(names)}  ${documents}  ${about}${count(corpus.tokens)} tokens${held}`,
      columns - margin,
    );
  });
  return [
    ...(experiment.title === undefined ? [] : [experiment.title, '']),
    ...labelled('Model', wrap(model, columns - margin)),
    ...labelled('Corpora', rows),
    ...labelled('Tasks', wrap(tasks, columns - margin)),
    ...labelled('Detects', detectableLines(plan, columns - margin)),
  ];
}

/** `recall: with 200 documents and 3 seeds you can see 12 points`, and what that rests on. */
function detectableLines({ detectable }: Plan, width: number): string[] {
  if (detectable.length === 0) return [];
  const points = (share: number) => (100 * share >= 1 ? String(Math.ceil(100 * share)) : (100 * share).toFixed(1));
  const lines = detectable.flatMap(({ task, documents, seeds, difference, theseSeeds }) => {
    const limit = difference > 1.1 * theseSeeds ? ` (${points(theseSeeds)} for these seeds only; more seeds help)` : '';
    return wrap(
      `${task}: with ${plural(documents, 'document')} and ${plural(seeds, 'seed')} you can see ${points(difference)} points${limit}`,
      width,
    );
  });
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return [
    ...lines,
    ...wrap(
      `in 4 of 5 cases, if two arms differ on ${percent(assumedChange)} of the documents, ${percent(assumedRepeat)} of that in every seed`,
      width,
    ),
  ];
}

/** The measurement that some arms may wait for. */
function analysisText({ run, arms, cost, finished }: AnalysisPlan, { columns, states }: PlanTextOptions): string[] {
  const width = columns - margin - 2;
  const { metrics, tokens, corpora, tasks } = run.spec.analysis!;
  const on = `${metrics.join(', ')} on up to ${grouped(tokens)} tokens of ${corpora.map((c) => c.name).join(', ')}`;
  const scored = tasks.length > 0 ? `, and on ${tasks.map((t) => t.name).join(', ')}` : '';
  const lines = [
    ...labelled('Measures', wrap(`${on}${scored}`, width)),
    ...(arms.length > 0 ? labelled('Decides', wrap(`layers of ${arms.join(', ')}`, width)) : []),
    ...(finished
      ? []
      : labelled('Cost', [
          `≈ ${[flops(cost.flops), ...(cost.seconds === undefined ? [] : [duration(cost.seconds)])].join(', ')}`,
        ])),
    ...labelled('Runs', [`${run.id}  ${states.get(run.id) ?? 'new'}`]),
  ];
  return ['analysis', ...lines.map((line) => `  ${line}`)];
}

function armText(arm: ArmPlan, plan: Plan, options: PlanTextOptions): string[] {
  const width = options.columns - margin - 2;
  const lines = [
    ...labelled('Stack', stackLines(arm, width)),
    ...labelled('Trains', trainedLines(arm, plan, width)),
    ...(arm.lora ? labelled('LoRA', loraLines(arm, width)) : []),
    ...(arm.shape ? labelled('Training', trainingLines(arm, plan, width)) : []),
    ...(arm.pending === undefined ? labelled('Cost', wrap(costWords(arm), width)) : []),
    ...labelled('Runs', runLines(arm, plan, options)),
    ...(options.tensors ? labelled('Tensors', arm.trained) : []),
  ];
  const origin = arm.from === undefined ? '' : `  from ${arm.from}`;
  return [`${arm.name}${origin}`, ...lines.map((line) => `  ${line}`)];
}

function stackLines(arm: ArmPlan, width: number): string[] {
  if (arm.pending !== undefined) return wrap(arm.pending, width);
  const layers = plural(arm.layers.length, 'layer');
  if (arm.from !== undefined) return wrap(`${layers} as in ${arm.from}, with its finished weights`, width);
  const words = surgeryWords(arm);
  if (words.length === 0) return [`${layers}, unchanged`];
  const drawn = segments(arm.layers, arm.pruned).map(({ base, now }) => {
    const cell = Math.max(base.length, now.length);
    return { base: base.padEnd(cell), now: now.padEnd(cell) };
  });
  const lines = wrap(`${layers}: ${words.join('; ')}`, width);
  let [base, now] = ['base ', 'now  '];
  for (const cell of drawn) {
    if (base.length + 1 + cell.base.length > width) {
      lines.push(base.trimEnd(), now.trimEnd());
      [base, now] = ['base ', 'now  '];
    }
    base += ` ${cell.base}`;
    now += ` ${cell.now}`;
  }
  return [...lines, base.trimEnd(), now.trimEnd()];
}

function trainedLines(arm: ArmPlan, plan: Plan, width: number): string[] {
  if (arm.pending !== undefined) return ['known after the analysis'];
  if (arm.trained.length === 0 && !arm.lora) return wrap('nothing: evaluated once, and paired with every seed', width);
  const share = `${percent(arm.trainedParameters, arm.totalParameters)} of the model`;
  const ofBase = `${percent(arm.trainedParameters, plan.baseParameters)} of the base`;
  const what = arm.trained.length === 0 ? 'LoRA factors' : plural(arm.trained.length, 'tensor');
  const both = arm.trained.length > 0 && arm.lora ? `${what} and LoRA factors` : what;
  const shares = arm.totalParameters === plan.baseParameters ? share : `${share}, ${ofBase}`;
  return [
    ...wrap(`${both}, ${grouped(arm.trainedParameters)} parameters: ${shares}`, width),
    ...groupLines(arm.trained, arm, width),
  ];
}

function groupLines(names: readonly string[], arm: ArmPlan, width: number): string[] {
  return trainedGroups(names, arm.config).flatMap(({ layers, modules, whole }) => {
    if (layers.length === 0) return wrap(modules.join(', '), width);
    const allLinear = modules.length === linearModules.length && linearModules.every((m) => modules.includes(m));
    const all = whole ? `all ${modules.length} tensors` : `all ${modules.length} linear modules`;
    const what = whole || allLinear ? `${all}${layers.length > 1 ? ' each' : ''}` : modules.join(', ');
    return wrap(`layer${layers.length > 1 ? 's' : ''} ${layerLabels(layers, arm.layers)}: ${what}`, width);
  });
}

function loraLines(arm: ArmPlan, width: number): string[] {
  const { lora, matched } = arm;
  if (!lora) return [];
  const size = lora.rank * parametersPerRank(lora.weights, stackOf(arm.config, arm.layers));
  const why = matched
    ? `: ${grouped(size)} parameters, nearest to the ${grouped(matched.parameters)} of ${matched.arm}`
    : `: ${grouped(size)} parameters`;
  const scaling = lora.rslora ? ', rank-stabilised' : '';
  return [
    ...wrap(`rank ${lora.rank}, alpha ${lora.alpha}${scaling}${why}`, width),
    ...groupLines(lora.weights, arm, width),
  ];
}

function trainingLines({ name, shape }: ArmPlan, { experiment }: Plan, width: number): string[] {
  const training = experiment.arms[name]?.training;
  if (!shape || !training) return [];
  const { steps, batch, sequence, microBatch, recompute } = shape;
  const data = training.replay
    ? `${training.corpus} with ${Math.round(100 * training.replay.share)} % replay of ${training.replay.corpus}`
    : training.corpus;
  const tokens = steps === undefined ? '' : ` = ${count(steps * batch * sequence)} tokens`;
  const notes = [
    `learning rate ${training.learning_rate}, ${training.schedule}`,
    ...(microBatch === batch ? [] : [`micro-batches of ${microBatch}`]),
    ...(recompute ? ['activations recomputed'] : []),
    ...(training.distill
      ? [`KL to ${training.distill.teacher} on ${training.distill.corpus} with weight ${training.distill.weight}`]
      : []),
    ...(training.keep === 'last' ? [] : [`keeps the best by ${training.keep.best}`]),
  ];
  return [
    ...wrap(
      `${steps === undefined ? 'steps from epochs' : plural(steps, 'step')} × ${batch} × ${sequence}${tokens} of ${data}`,
      width,
    ),
    ...wrap(notes.join(', '), width),
  ];
}

function costWords({ cost, runs }: Pick<ArmPlan, 'cost' | 'runs'>): string {
  const time = cost.seconds === undefined ? [] : [duration(cost.seconds)];
  const each = runs.length > 1 ? ' a run' : '';
  return `≈ ${[flops(cost.flops), `${bytes(cost.memory)} of memory`, ...time].join(', ')}${each}`;
}

function runLines(arm: ArmPlan, plan: Plan, { states }: PlanTextOptions): string[] {
  if (arm.runs.length > 0) return arm.runs.map((id) => `${id}  ${states.get(id) ?? 'new'}`);
  if (arm.pending !== undefined) return ['after the analysis'];
  return [plan.diagnostics.some((d) => d.severity === 'error') ? 'none: see the errors' : 'not named yet'];
}

function total(plan: Plan, { states, columns }: PlanTextOptions): string[] {
  const runs = allRuns(plan);
  const done = runs.filter((run) => states.get(run.id) === 'finished');
  const open = runs.filter((run) => !done.includes(run));
  const costs = open.map((run) =>
    run === plan.analysis?.run ? plan.analysis.cost : plan.arms.find((arm) => arm.name === run.arm)?.cost,
  );
  const work = costs.reduce((sum, cost) => sum + (cost?.flops ?? 0), 0);
  const seconds = costs.every((cost) => cost?.seconds !== undefined)
    ? costs.reduce((sum, cost) => sum + (cost?.seconds ?? 0), 0)
    : undefined;
  const parts = [
    `${plural(runs.length, 'run')}${done.length > 0 ? `, ${done.length} of them finished` : ''}`,
    ...(open.length > 0 ? [`≈ ${flops(work)}`] : []),
    ...(open.length > 0 && seconds !== undefined ? [`${duration(seconds)} one after another`] : []),
  ];
  const note =
    seconds === undefined && open.length > 0
      ? '≈ marks estimates; there is none of time, because nothing was measured here yet.'
      : '≈ marks estimates; times follow from the speed measured on this machine.';
  return labelled('Total', [...wrap(parts.join(', '), columns - margin), ...wrap(note, columns - margin)]);
}

function plural(n: number, word: string): string {
  return `${grouped(n)} ${word}${n === 1 ? '' : 's'}`;
}

/** The first line behind its label, the others under it. */
function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, i) => `${(i === 0 ? label : '').padEnd(margin - 2)}${line}`.trimEnd());
}

/** Breaks at spaces; a word wider than the line stands alone. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}
