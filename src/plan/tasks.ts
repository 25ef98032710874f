import { canonicalJson, sha256 } from '../base/hash.ts';
import type { BenchmarkPart } from '../data/benchmark-data.ts';
import { perplexityCorpus } from '../experiment/references.ts';
import type { BenchmarkTask, Experiment, PerplexityTask, TaskSpec } from '../experiment/types.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import type { CorpusIdentity, PlannableFacts, TaskRequest } from './types.ts';

/** What an evaluated task is, by its name there; undefined for a name that the experiment does not define. */
export function taskSpec(name: string, experiment: Experiment): TaskSpec | undefined {
  const corpus = perplexityCorpus(name);
  if (corpus !== undefined) return { kind: 'perplexity', corpus };
  return Object.hasOwn(experiment.tasks, name) ? experiment.tasks[name] : builtIn(name);
}

/** The bare name of a benchmark means it with its defaults. */
export function builtIn(name: string): BenchmarkTask | undefined {
  return benchmarkOf(name) && { kind: 'benchmark', benchmark: name, files: {} };
}

/** Every task with files that an experiment names: its own, and the benchmarks that are evaluated or analysed on. */
export function tasksWithFiles(experiment: Experiment): [string, Exclude<TaskSpec, PerplexityTask>][] {
  const used = [...experiment.evaluation.tasks, ...(experiment.analysis?.tasks ?? [])];
  const named = used.filter((name) => !Object.hasOwn(experiment.tasks, name));
  return [...Object.keys(experiment.tasks), ...new Set(named)].flatMap((name) => {
    const spec = taskSpec(name, experiment);
    return spec === undefined || spec.kind === 'perplexity' ? [] : [[name, spec]];
  });
}

/** What decides which rows a corpus gives; undefined until its files were hashed. */
export function corpusIdentity(
  name: string,
  experiment: Experiment,
  facts: PlannableFacts,
): CorpusIdentity | undefined {
  const spec = experiment.corpora[name];
  const content = facts.contents?.[name];
  if (spec === undefined || content === undefined) return undefined;
  const { hash } = content;
  if (spec.kind === 'tokens') return { hash, kind: 'tokens' };
  const { field, split, holdout } = spec;
  return {
    hash,
    kind: 'text',
    tokenizer: facts.base.tokenizerHash,
    field,
    split,
    holdout,
  };
}

/** Tasks (the evaluated ones by default) with files and hashes; undefined while a file was not hashed. */
export function taskRequests(
  experiment: Experiment,
  facts: PlannableFacts,
  names: readonly string[] = experiment.evaluation.tasks,
): TaskRequest[] | undefined {
  const requests = names.map((name) => taskRequest(name, experiment, facts));
  return requests.every((r) => r !== undefined) ? requests : undefined;
}

function taskRequest(name: string, experiment: Experiment, facts: PlannableFacts): TaskRequest | undefined {
  const spec = taskSpec(name, experiment);
  if (spec === undefined) return undefined;
  if (spec.kind === 'perplexity') {
    const corpus = corpusIdentity(spec.corpus, experiment, facts);
    const files = facts.corpora?.[spec.corpus]?.files;
    if (corpus === undefined || files === undefined) return undefined;
    return { name, spec, files, corpus, hash: sha256(canonicalJson({ spec, corpus })) };
  }
  const files = facts.tasks?.[name]?.files;
  const content = facts.taskContents?.[name];
  if (files === undefined || content === undefined) return undefined;
  const { hashes, parts, shotFiles, shotHashes } = content;
  return {
    name,
    spec,
    files,
    shotFiles,
    parts,
    hash: taskHash(spec, hashes, shotHashes, parts),
  };
}

/** Names the content of a task: where its files lie does not make another task; what they hold does. */
export function taskHash(
  spec: TaskSpec,
  hashes: readonly string[],
  shotHashes?: readonly string[],
  parts?: readonly BenchmarkPart[],
): string {
  const splits = parts?.map(({ benchmark, split, files, shots }) => {
    return { benchmark, split, files: files.length, shots: shots && { split: shots.split, files: shots.files.length } };
  });
  const content = { spec: { ...spec, files: undefined, shots_from: undefined }, hashes, shotHashes, splits };
  return sha256(canonicalJson(content));
}
