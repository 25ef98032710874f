import { dirname, join, resolve as resolvePath } from 'node:path';
import { hashCache } from '../base/hash-cache.ts';
import { noProgress, type Progress } from '../base/log.ts';
import { attempt } from '../base/problem.ts';
import type { DeviceChoice, Experiment } from '../experiment/types.ts';
import { readAdapter } from '../model/adapter.ts';
import { analysisRun } from './analysis.ts';
import { deviceChoice, deviceOf } from './device.ts';
import { gatherBenchmark, gatherBenchmarkContent } from './facts/benchmarks.ts';
import { type FactCache, factCache, makeCacheFolder } from './facts/cache.ts';
import { countCorpus, gatherCorpus } from './facts/corpora.ts';
import { gatherDevice, type ProbeDevice } from './facts/device.ts';
import { gatherImportance } from './facts/importance.ts';
import { gatherMachine, type MeasureSpeed } from './facts/machine.ts';
import { type GatheredModel, gatherHashes, gatherModel, gatherTokenizer } from './facts/model.ts';
import { gatherOverlaps } from './facts/overlaps.ts';
import { gatherTask, gatherTaskContent } from './facts/tasks.ts';
import { tasksWithFiles } from './tasks.ts';
import type { Depth, FactProblem, Facts } from './types.ts';

export interface GatherOptions {
  depth: Depth;
  /** false: the tokenizer is not opened, as in a folder that nobody trusts; default true. */
  tokenizer?: boolean;
  /** Folder that relative paths start from; that of the experiment file. */
  from?: string;
  /** `.strata/cache` beside the experiment by default; null: nothing is written. */
  cacheFolder?: string | null;
  progress?: Progress;
  /** Threads that a run will use, for the estimate of time. */
  threads?: number;
  /** Instead of the experiment's: a run on another device is another run. */
  device?: DeviceChoice;
  /** Measures the speed of training where it is not known yet; without it there is no estimate of time then. */
  measure?: MeasureSpeed;
  /** Tries what `device: auto` takes here, where that is not remembered; without it `auto` is the cpu then. */
  probe?: ProbeDevice;
}

/**
 * Reads what an experiment refers to, as deep as `depth` says. Touches nothing but caches. What cannot be read is a problem
 * among the facts, with its place in the experiment, never an exception.
 */
export async function gather(experiment: Experiment, options: GatherOptions): Promise<Facts> {
  const facts: Facts = { depth: options.depth, problems: [] };
  const from = options.from ?? dirname(experiment.file);
  const context: Context = { experiment, facts, from, progress: options.progress ?? noProgress };
  const model = await tried(facts, ['model'], () => gatherModel(experiment.model, from));
  if (model) {
    facts.model = model.facts;
    facts.base = model.base;
    await gatherAdapters(model, context);
  }
  // What the editor warns by: nothing is measured for it.
  facts.machine = await gatherMachine(undefined, options);
  if (options.depth === 'headers') return facts;
  if (model && options.tokenizer !== false) await tried(facts, ['model'], () => gatherTokenizer(model));
  await gatherFiles(context);
  if (options.depth === 'files') return facts;
  const folder = await cacheFolderOf(options, from);
  const cache = factCache(folder);
  await gatherContents(model, cache, context);
  facts.machine = await gatherMachine(model?.model.config, options);
  if (deviceChoice(options.device, experiment) === 'auto') facts.device = await gatherDevice(options.probe);
  await tried(facts, ['analysis'], async () => {
    const { base } = facts;
    const analysis =
      base && analysisRun(experiment, { ...facts, base }, deviceOf(options.device, experiment, facts.device));
    if (analysis) facts.importance = await gatherImportance(join(from, '.strata', 'runs'), analysis.id);
  });
  return facts;
}

interface Context {
  experiment: Experiment;
  facts: Facts;
  from: string;
  progress: Progress;
}

/** The work's value; a problem that a user can cause is added to the facts. */
async function tried<T>(facts: Facts, path: FactProblem['path'], work: () => Promise<T>): Promise<T | undefined> {
  const result = await attempt(work);
  if (result.ok) return result.value;
  const { code, message, remedy, place } = result.problem;
  const at = place === undefined || message.includes(place) ? '' : `${place}: `;
  const text = `${at}${message}${remedy === undefined ? '' : ` ${remedy}`}`;
  facts.problems.push({ path, code, severity: 'error', message: text });
  return undefined;
}

/** Undefined where the folder cannot be written: then nothing is remembered. */
async function cacheFolderOf({ cacheFolder }: GatherOptions, from: string): Promise<string | undefined> {
  if (cacheFolder !== undefined) return cacheFolder ?? undefined;
  const made = await attempt(() => makeCacheFolder(join(from, '.strata')));
  return made.ok ? made.value : undefined;
}

async function gatherAdapters({ model }: GatheredModel, { experiment, facts, from }: Context): Promise<void> {
  for (const arm of Object.values(experiment.arms)) {
    const written = arm.lora?.adapter;
    if (written === undefined) continue;
    const folder = resolvePath(from, written);
    const path = ['arms', arm.name, 'lora', 'adapter'];
    const adapter = await tried(facts, path, () => readAdapter(folder, model.tensors));
    if (adapter === undefined) continue;
    const { rank, alpha, rslora, modules } = adapter;
    facts.adapters = {
      ...facts.adapters,
      [arm.name]: { folder, rank, alpha, rslora, weights: modules.map((m) => m.weight) },
    };
  }
}

async function gatherFiles({ experiment, facts, from }: Context): Promise<void> {
  facts.corpora = {};
  for (const [name, spec] of Object.entries(experiment.corpora)) {
    const found = await attempt(() => gatherCorpus(spec, from));
    facts.corpora[name] = found.ok ? found.value : { files: [], problem: found.problem };
  }
  facts.tasks = {};
  for (const [name, spec] of tasksWithFiles(experiment)) {
    const found = await attempt(() =>
      spec.kind === 'benchmark' ? gatherBenchmark(spec, from) : gatherTask(spec, from),
    );
    facts.tasks[name] = found.ok ? found.value : { files: [], problem: found.problem };
  }
}

async function gatherContents(model: GatheredModel | undefined, cache: FactCache, context: Context): Promise<void> {
  const { experiment, facts, from, progress } = context;
  const hashes = hashCache(cache.folder && join(cache.folder, 'hashes.json'));
  if (model) await tried(facts, ['model'], () => gatherHashes(model, hashes, progress));
  for (const [arm, adapter] of Object.entries(facts.adapters ?? {}))
    await tried(facts, ['arms', arm, 'lora', 'adapter'], async () => {
      adapter.hash = await hashes.hashFile(join(adapter.folder, 'adapter_model.safetensors'));
    });
  const options = { tokenizer: model?.tokenizer, tokenizerHash: model?.base.tokenizerHash, hashes, cache };
  facts.contents = {};
  for (const [name, spec] of Object.entries(experiment.corpora)) {
    const files = facts.corpora?.[name]?.files ?? [];
    if (files.length === 0) continue;
    const exactly = needsAllTokens(name, experiment);
    const content = await tried(facts, ['corpora', name], () =>
      countCorpus(name, spec, files, { ...options, exactly, progress }),
    );
    if (content) facts.contents[name] = content;
  }
  facts.taskContents = {};
  for (const [name, spec] of tasksWithFiles(experiment)) {
    const files = facts.tasks?.[name]?.files ?? [];
    if (files.length === 0) continue;
    const content = await tried(facts, ['tasks', name], () =>
      spec.kind === 'benchmark'
        ? gatherBenchmarkContent(spec, from, options)
        : gatherTaskContent(spec, files, from, options),
    );
    if (content) facts.taskContents[name] = content;
  }
  facts.overlaps = await tried(facts, ['evaluation', 'tasks'], () => gatherOverlaps(experiment, facts, cache));
  await cache.save();
  await hashes.save();
}

/** Whether some arm's number of steps follows from the tokens of this corpus. */
function needsAllTokens(corpus: string, { arms }: Experiment): boolean {
  return Object.values(arms).some(({ training }) => training?.corpus === corpus && training.length.unit === 'epochs');
}
