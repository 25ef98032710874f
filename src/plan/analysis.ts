import { engineSemantics } from '../base/version.ts';
import { importanceMetrics } from '../experiment/schema-data.ts';
import type { AnalysisSpec, Experiment } from '../experiment/types.ts';
import { keptLayers } from '../model/open.ts';
import { forwardFlopsPerToken } from './cost.ts';
import { runId, specHash } from './identity.ts';
import { stackOf } from './selectors.ts';
import { corpusIdentity, taskRequests } from './tasks.ts';
import type { AnalysisPlan, Plan, PlannableFacts, ResolvedAnalysis, RunPlan, RunSpec, TaskRequest } from './types.ts';

/** What stands in the place of an arm in the run's id and request. */
export const analysisArm = 'analysis';

/** The run that measures the layers of the base. Undefined without `analysis`, or while a hash is missing. */
export function analysisRun(
  experiment: Experiment,
  facts: PlannableFacts,
  device: RunSpec['device'],
): RunPlan | undefined {
  const { analysis } = experiment;
  const { hash: model, folder } = facts.base;
  if (analysis === undefined || model === undefined) return undefined;
  const corpora = analysis.corpora.map((name) => ({ name, corpus: corpusIdentity(name, experiment, facts) }));
  const files = analysis.corpora.map((name) => facts.corpora?.[name]?.files ?? []);
  const tasks = taskRequests(experiment, facts, analysis.tasks);
  if (!tasks || !corpora.every(isKnown)) return undefined;
  const spec: RunSpec = {
    engine_semantics: engineSemantics,
    model,
    surgery: {},
    trained: [],
    analysis: {
      metrics: importanceMetrics.filter((name) => analysis.metrics.includes(name)),
      tokens: analysis.tokens,
      corpora,
      tasks: tasks.map(({ name, hash }) => ({ name, hash })),
    },
    device,
  };
  const hash = specHash(spec);
  return {
    id: runId(experiment.stem, analysisArm, undefined, hash, device),
    hash,
    arm: analysisArm,
    spec,
    sources: { model: folder, analysis: files },
    tasks,
  };
}

function isKnown<T>(entry: { name: string; corpus: T | undefined }): entry is { name: string; corpus: T } {
  return entry.corpus !== undefined;
}

/**
 * Whether a measurement is of what an experiment asks for, as far as its text says: for views, which hash no corpus. A run is
 * planned by the hash of everything instead.
 */
export function answersAnalysis(asked: AnalysisSpec, { metrics, tokens, corpora, tasks }: ResolvedAnalysis): boolean {
  const names = (items: readonly { name: string }[]) => items.map(({ name }) => name).join('\n');
  return (
    asked.tokens === tokens &&
    importanceMetrics.every((name) => asked.metrics.includes(name) === metrics.includes(name)) &&
    asked.corpora.join('\n') === names(corpora) &&
    asked.tasks.join('\n') === names(tasks)
  );
}

/** Arms whose layers the analysis chooses. */
export function waitingArms({ arms }: Pick<Experiment, 'arms'>): string[] {
  return Object.values(arms)
    .filter(({ expand, prune }) => {
      const after = expand?.after;
      return (after?.kind === 'rule' && after.rule === 'analysis') || prune?.kind === 'by';
    })
    .map(({ name }) => name);
}

/**
 * The analysis as a part of a plan. `wanted`: the arms that are planned, undefined if all are. Where only some are, it is there
 * only if one of them waits for it.
 */
export function planAnalysis(
  experiment: Experiment,
  facts: PlannableFacts,
  device: RunSpec['device'],
  wanted?: readonly string[],
): AnalysisPlan | undefined {
  const arms = waitingArms(experiment).filter((name) => wanted?.includes(name) ?? true);
  if (wanted && arms.length === 0) return undefined;
  const run = analysisRun(experiment, facts, device);
  if (!run) return undefined;
  const flops = analysisFlops(run.tasks, experiment, facts);
  const speed = facts.machine?.speed?.flopsPerSecond;
  return {
    run,
    arms,
    cost: { flops, ...(speed !== undefined && { seconds: flops / speed }) },
    finished: facts.importance !== undefined,
  };
}

/**
 * One pass for what is seen on the way, and for each layer that is removed or duplicated half a pass on average. Attention costs
 * another pass of each corpus.
 */
function analysisFlops(
  tasks: readonly TaskRequest[],
  { analysis }: Experiment,
  { base, contents, taskContents }: PlannableFacts,
): number {
  if (!analysis) return 0;
  const { metrics, corpora } = analysis;
  const { config } = base;
  const changed = metrics.filter((name) => name === 'removal' || name === 'duplication').length;
  const scans = 1 + (changed * config.layers) / 2;
  const looks = metrics.includes('attention') ? 1 : 0;
  const tokensOf = (name: string) => Math.min(analysis.tokens, contents?.[name]?.tokens ?? analysis.tokens);
  const ofCorpora = corpora.map((name, i) => tokensOf(name) * ((i === 0 ? scans : looks) + looks));
  const ofTasks = changed === 0 ? [] : tasks.map(({ name }) => (taskContents?.[name]?.tokens ?? 0) * scans);
  const tokens = [...ofCorpora, ...ofTasks].reduce((a, b) => a + b, 0);
  return tokens * forwardFlopsPerToken(stackOf(config, keptLayers(config.layers)), Math.min(512, config.maxPositions));
}

/** The runs of a plan in the order in which they are asked for: the analysis, which others may wait for, first. */
export function allRuns({ analysis, runs }: Pick<Plan, 'analysis' | 'runs'>): RunPlan[] {
  return [...(analysis ? [analysis.run] : []), ...runs];
}
