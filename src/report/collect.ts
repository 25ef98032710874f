import { basename } from 'node:path';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { attempt } from '../base/problem.ts';
import type { CompareSpec } from '../experiment/types.ts';
import type { Plan, RunPlan } from '../plan/types.ts';
import { newestOf, runsOf } from '../record/find.ts';
import { importanceOf } from '../record/importance.ts';
import { homeOf } from '../record/layout.ts';
import { readEvaluated } from '../record/read.ts';
import type { Evaluated, Run } from '../record/types.ts';
import { sharingLoader } from './load.ts';
import { measuredBeside, measuredIn } from './measured.ts';
import type { ComparedRun, CompareInput, PlannedRun, StaleRun } from './types.ts';

/** Reads one run directory; whoever looks often may keep what did not change. */
export type LoadRun = (folder: string) => Promise<ComparedRun>;

/**
 * What `compare FILE` compares: exactly the runs that the plan resolves to, each in its newest version and with results for
 * the tasks as they stand now; older runs of the same experiment are named as stale.
 */
export async function collectPlan(plan: Plan, load: LoadRun = sharingLoader()): Promise<CompareInput> {
  const { experiment } = plan;
  const home = homeOf(experiment.file);
  // One after another: the raw text of all runs at once would take more memory than everything read from it.
  const found: Awaited<ReturnType<typeof findPlanned>>[] = [];
  for (const run of plan.runs) found.push(await findPlanned(run, home.folder, load));
  const used = new Set(found.flatMap((f) => f.run?.run.folder ?? []));
  const importance = plan.analysis && (await importanceOf(home.folder, plan.analysis.run.id));
  const { runs: all } = await runsOf(home.folder);
  const stale = all.filter(
    (r) => r.request.experiment.stem === experiment.stem && !used.has(r.folder) && experiment.arms[r.request.arm],
  );
  return {
    title: experiment.title ?? experiment.stem,
    file: basename(experiment.file),
    compare: experiment.compare,
    arms: plan.arms.map((a) => a.name),
    planned: found.map((f) => f.planned),
    pending: plan.arms.flatMap(({ name, pending }) => (pending === undefined ? [] : [{ arm: name, reason: pending }])),
    runs: found.flatMap((f) => f.run ?? []),
    stale: stale.map((run) => staleRun(run, newerOf(run.id, found))),
    overlaps: plan.overlaps.flatMap(({ task, corpora, documents, ids }) =>
      ids === undefined ? [] : [{ task, corpora, documents, overlapping: ids }],
    ),
    ...(importance && { importance }),
    ...(importance && plan.analysis && { measured: await measuredBeside(home.folder, plan.analysis.run) }),
    warnings: plan.diagnostics.filter((d) => d.severity === 'warning').map((d) => d.message),
  };
}

function staleRun({ id, request, state }: Run, newer?: string): StaleRun {
  const { arm, seed } = request;
  return { id, arm, ...(seed !== undefined && { seed }), state, ...(newer !== undefined && { newer }) };
}

/** The run that counts instead of an earlier one of the same plan (`id`, `id-2` … are made by `run --fresh`). */
function newerOf(id: string, found: readonly { planned: PlannedRun; run?: ComparedRun }[]): string | undefined {
  const same = found.find(({ planned }) => id === planned.id || id.replace(/-\d+$/, '') === planned.id);
  return same?.run?.run.id;
}

/** The newest directory of a planned run, if there is one that can be read, with results of the tasks as planned only. */
async function findPlanned(
  { id, arm, seed, tasks }: RunPlan,
  strataFolder: string,
  load: LoadRun,
): Promise<{ planned: PlannedRun; run?: ComparedRun }> {
  const planned: PlannedRun = { id, arm, ...(seed !== undefined && { seed }), tasks: tasks.map((t) => t.name) };
  const folder = await newestOf(strataFolder, id);
  if (folder === undefined) return { planned };
  const read = await attempt(() => Promise.all([load(folder), readEvaluated(folder)]));
  if (!read.ok) return { planned };
  const [run, evaluated] = read.value;
  const current = new Map(tasks.map((t) => [t.name, t.hash]));
  const outdated = Object.keys(run.run.scores ?? {}).filter(
    (task) => current.has(task) && !answers(evaluated, task, current.get(task)!),
  );
  const kept = (task: string) => current.has(task) && !outdated.includes(task);
  return { planned: { ...planned, outdated }, run: withTasks(run, kept) };
}

/** A run that does not say which task its results answer is taken at its word. */
function answers(evaluated: Evaluated, task: string, hash: string): boolean {
  return evaluated[task] === undefined || evaluated[task] === hash;
}

function withTasks(data: ComparedRun, kept: (task: string) => boolean): ComparedRun {
  const only = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).filter(([task]) => kept(task)));
  return {
    ...data,
    run: { ...data.run, ...(data.run.scores && { scores: only(data.run.scores) }) },
    curve: data.curve.filter((r) => kept(r.task)),
    samples: only(data.samples),
  };
}

function renamed(data: ComparedRun, arm: string): ComparedRun {
  return { ...data, run: { ...data.run, request: { ...data.run.request, arm } } };
}

/**
 * What `compare RUN…` compares. Runs of one arm that differ in more than the seed are different arms and get names that say
 * so; of runs that differ in nothing (made by `--fresh`) the newest counts.
 */
export async function collectRuns(
  chosenRuns: readonly Run[],
  compare: CompareSpec = { forgetting: [] },
  load: LoadRun = sharingLoader(),
): Promise<CompareInput> {
  // Analyses have no scores: they are drawn, not compared.
  const runs = chosenRuns.filter(({ spec }) => spec.analysis === undefined);
  const measured = await measuredIn(chosenRuns.filter(({ spec }) => spec.analysis !== undefined));
  const labels = armLabels(runs);
  const newestFirst = [...runs].sort((a, b) => b.request.asked - a.request.asked);
  const kept = new Map<string, Run>();
  const stale: StaleRun[] = [];
  for (const run of newestFirst) {
    const key = `${labels.get(run)} ${run.request.seed}`;
    if (kept.has(key)) {
      if (kept.get(key)!.folder !== run.folder) stale.push(staleRun(run, kept.get(key)!.id));
    } else kept.set(key, run);
  }
  const chosen = runs.filter((run) => [...kept.values()].includes(run));
  const loaded = await Promise.all(chosen.map(async (run) => renamed(await load(run.folder), labels.get(run)!)));
  const stems = [...new Set(chosenRuns.map((r) => r.request.experiment.stem))];
  const [first] = chosenRuns;
  return {
    title: first && stems.length === 1 ? (first.request.experiment.title ?? stems[0]!) : stems.join(' and '),
    compare,
    arms: [...new Set(chosen.map((run) => labels.get(run)!))],
    planned: loaded.map(({ run }) => ({
      id: run.id,
      arm: run.request.arm,
      ...(run.request.seed !== undefined && { seed: run.request.seed }),
      tasks: [],
    })),
    pending: [],
    runs: loaded,
    stale,
    ...(measured.length > 0 && { measured }),
  };
}

/** What a run has in common with the other seeds of its arm. */
function recipe({ spec, request }: Run): string {
  const { seed: _seed, parent: _parent, ...rest } = spec;
  return sha256(canonicalJson([request.experiment.stem, request.arm, rest]));
}

/** The arm's name; with the experiment's, and with a piece of the recipe's hash, where the name alone is not unique. */
function armLabels(runs: readonly Run[]): Map<Run, string> {
  const several = (of: (run: Run) => string, value: (run: Run) => string) => {
    const values = new Map<string, Set<string>>();
    for (const run of runs) values.set(of(run), (values.get(of(run)) ?? new Set()).add(value(run)));
    return (run: Run) => values.get(of(run))!.size > 1;
  };
  const arm = (run: Run) => run.request.arm;
  const stem = (run: Run) => run.request.experiment.stem;
  const fromSeveral = several(arm, stem);
  const named = (run: Run) => (fromSeveral(run) ? `${stem(run)}/${arm(run)}` : arm(run));
  const ambiguous = several(named, recipe);
  return new Map(runs.map((run) => [run, ambiguous(run) ? `${named(run)} ${recipe(run).slice(0, 6)}` : named(run)]));
}
