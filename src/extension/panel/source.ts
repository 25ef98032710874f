import { basename, dirname, join } from 'node:path';
import { attempt, Failure, fail } from '../../base/problem.ts';
import { loadExperiment } from '../../cli/experiment-argument.ts';
import type { Io } from '../../cli/verb.ts';
import { compareSpecOf } from '../../cli/verbs/compare.ts';
import { allRuns } from '../../plan/analysis.ts';
import type { Plan } from '../../plan/types.ts';
import type { PanelSource, RunStatus } from '../../protocol/panel.ts';
import { runFolders } from '../../record/find.ts';
import { homeOf, layout } from '../../record/layout.ts';
import type { Run } from '../../record/types.ts';
import { collectPlan, collectRuns } from '../../report/collect.ts';
import type { CompareInput } from '../../report/types.ts';
import type { RunCache, Sight } from './run-cache.ts';
import { stampOf } from './stamp.ts';

/** What is kept of a source between two looks. */
export interface SourceCache {
  runs: RunCache;
  plan?: { stamp: string; plan: Plan };
  /** Folders of runs that were there at the last look, whole or damaged. */
  known?: Set<string>;
}

export interface SourceSight {
  signature: string;
  runs: RunStatus[];
  /** Ids of runs that were there before and are not any more. */
  gone: string[];
  /** What is wrong with runs that are there, as sentences. */
  damaged: string[];
}

/** The run directories of a source as they stand, without reading records that did not change. */
export async function runsInSight(source: PanelSource, cache: SourceCache): Promise<SourceSight> {
  const stamp = source.kind === 'experiment' ? await planStamp(source.file) : '';
  const listed = new Set(
    source.kind === 'experiment' ? await foldersOf(source.file, cache.plan?.plan) : source.folders,
  );
  const before = cache.known ?? new Set();
  const known = new Set<string>();
  const sights: Sight[] = [];
  const gone: string[] = [];
  // Those of the last look are looked at even where nothing lists them: one may be deleted, or not meant any more.
  for (const folder of new Set([...listed, ...before])) {
    const sight = await cache.runs.look(folder);
    const isThere = sight !== undefined || cache.runs.damaged.has(folder);
    if (isThere && listed.has(folder)) known.add(folder);
    if (sight && listed.has(folder)) sights.push(sight);
    if (!isThere && before.has(folder)) gone.push(basename(folder));
  }
  cache.known = known;
  return {
    signature: JSON.stringify([
      stamp,
      cache.plan !== undefined,
      [...known],
      sights.map((s) => [s.run.id, s.signature]),
    ]),
    runs: sights.map((s) => s.status),
    gone,
    damaged: [...known].flatMap((folder) => cache.runs.damaged.get(folder) ?? []),
  };
}

/** Folders of all versions of the plan's runs, the analysis among them; before there is a plan, none. */
async function foldersOf(file: string, plan: Plan | undefined): Promise<string[]> {
  if (!plan) return [];
  const ids = new Set(allRuns(plan).map((r) => r.id));
  const isPlanned = (name: string) => ids.has(name) || ids.has(name.replace(/-\d+$/, ''));
  return (await runFolders(homeOf(file).folder)).filter((folder) => isPlanned(basename(folder)));
}

/** Everything that a comparison of the source is made of. Fails as `strata compare` does. */
export async function collectSource(source: PanelSource, cache: SourceCache): Promise<CompareInput> {
  if (source.kind === 'experiment') return collectPlan(await planOf(source.file, cache), cache.runs.load);
  const sights = await Promise.all(source.folders.map((folder) => cache.runs.look(folder)));
  const runs: Run[] = [];
  // One that is damaged is named among the notices, and the others are compared.
  for (const run of sights.flatMap((s) => s?.run ?? []))
    if ((await attempt(() => cache.runs.load(run.folder))).ok) runs.push(run);
  if (runs.length === 0) {
    fail('unknown-run', 'None of the runs of this comparison can be read any more.', {
      remedy: 'Close it, and compare runs of the Runs view.',
    });
  }
  return collectRuns(runs, await compareSpecOf(runs), cache.runs.load);
}

/** What a plan follows from and may change while it is looked at: the file, and analyses that arms wait for. */
async function planStamp(file: string): Promise<string> {
  const analyses = (await runFolders(homeOf(file).folder)).filter((folder) => basename(folder).includes('-analysis-'));
  const stamps = await Promise.all(analyses.map((folder) => stampOf(join(folder, layout.importance))));
  return [await stampOf(file), ...stamps].join('\n');
}

async function planOf(file: string, cache: SourceCache): Promise<Plan> {
  const stamp = await planStamp(file);
  if (cache.plan?.stamp === stamp) return cache.plan.plan;
  const said: string[] = [];
  const io: Io = {
    cwd: dirname(file),
    out: () => {},
    err: (text) => void said.push(text),
    json: false,
    terminal: false,
    columns: 80,
    colour: false,
  };
  try {
    const { plan } = await loadExperiment(io, file, { depth: 'all' });
    cache.plan = { stamp, plan };
    return plan;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // The diagnostics are the reason; they were said before the failure.
    const reasons = said.filter((line) => !line.endsWith('(warning)')).slice(0, 3);
    throw new Failure({ ...error.problem, message: [error.problem.message, ...reasons].join(' ') });
  }
}
