import { readCorpus } from '../../data/corpus.ts';
import { overlap } from '../../data/overlap.ts';
import type { Experiment, TaskSpec } from '../../experiment/types.ts';
import { taskSpec } from '../tasks.ts';
import type { Facts, Overlap } from '../types.ts';
import { benchmarkTexts } from './benchmarks.ts';
import type { FactCache } from './cache.ts';
import { bytesOf } from './corpora.ts';
import { taskTexts } from './tasks.ts';

/**
 * Evaluated documents against all corpora that are trained on: which share a run of 13 words. Only tasks of one's own that
 * measure a gain are left out: they are meant to ask for what is trained.
 */
export async function gatherOverlaps(experiment: Experiment, facts: Facts, cache: FactCache): Promise<Overlap[]> {
  const corpora = trainedCorpora(experiment).filter((name) => facts.contents?.[name]?.kind === 'text');
  if (corpora.length === 0) return [];
  const overlaps: Overlap[] = [];
  const files = corpora.flatMap((corpus) => facts.corpora?.[corpus]?.files ?? []);
  if ((await bytesOf(files)) > largest)
    return watchedTasks(experiment).map((task) => ({ task, corpora, documents: 0, overlapping: undefined }));
  for (const name of watchedTasks(experiment)) {
    const spec = taskSpec(name, experiment);
    const evaluated = spec && identityOf(name, spec, facts);
    if (spec === undefined || evaluated === undefined) continue;
    const trained = corpora.map((corpus) => [facts.contents?.[corpus]?.hash, experiment.corpora[corpus]]);
    const found = await cache.remember({ overlapsOf: spec, evaluated, trained }, async () => {
      const texts = await textsOf(name, spec, experiment, facts);
      const documents = [...texts.keys()];
      const ids = overlap(texts.values(), await trainedTexts(corpora, experiment, facts)).map((i) => documents[i]!);
      return { documents: texts.size, overlapping: ids.length, ids };
    });
    overlaps.push({ task: name, corpora, ...found });
  }
  return overlaps;
}

/** Bytes of text that are compared within a minute or so; more than that is said to be unchecked. */
const largest = 512 * 2 ** 20;

/** All corpora whose text any arm sees, each once. */
function trainedCorpora({ arms }: Experiment): string[] {
  const names = Object.values(arms).flatMap(({ training }) =>
    [training?.corpus, training?.replay?.corpus, training?.distill?.corpus].filter((name) => name !== undefined),
  );
  return [...new Set(names)];
}

function watchedTasks({ evaluation, compare, tasks }: Experiment): string[] {
  const asksForTrained = (task: string) =>
    task === compare.gain?.task && Object.hasOwn(tasks, task) && tasks[task]?.kind !== 'benchmark';
  return evaluation.tasks.filter((task) => !asksForTrained(task));
}

/** What decides a task's texts; undefined where they were not hashed. */
function identityOf(name: string, spec: TaskSpec, { contents, taskContents }: Facts): unknown {
  return spec.kind === 'perplexity' ? contents?.[spec.corpus]?.hash : taskContents?.[name]?.hashes;
}

/** By `doc_id`. */
async function textsOf(
  name: string,
  spec: TaskSpec,
  experiment: Experiment,
  facts: Facts,
): Promise<ReadonlyMap<number, string>> {
  if (spec.kind === 'choice' || spec.kind === 'generate') return taskTexts(spec, facts.tasks?.[name]?.files ?? []);
  if (spec.kind === 'benchmark') return benchmarkTexts(spec, facts.taskContents?.[name]?.parts ?? []);
  const corpus = experiment.corpora[spec.corpus];
  if (corpus?.kind !== 'text') return new Map();
  const { documents, holdout } = await readCorpus(facts.corpora?.[spec.corpus]?.files ?? [], corpus);
  return new Map((holdout.length > 0 ? holdout : documents).map((d, i) => [i, d.text]));
}

async function trainedTexts(names: readonly string[], experiment: Experiment, facts: Facts): Promise<string[]> {
  const texts: string[] = [];
  for (const name of names) {
    const corpus = experiment.corpora[name];
    if (corpus?.kind !== 'text') continue;
    const { documents } = await readCorpus(facts.corpora?.[name]?.files ?? [], corpus);
    for (const { text } of documents) texts.push(text);
  }
  return texts;
}
