import type { SampleRecord, Scores } from '../../record/types.ts';
import { mean, standardError } from '../../statistics/moments.ts';
import { metricOf } from '../../tasks/metrics.ts';
import type { ComparedRun } from '../types.ts';
import { filterOf, type HarnessSample, inFileName, ratioFields } from './lm-eval-fields.ts';
import { type Member, splitGroup } from './lm-eval-groups.ts';

export interface WrittenFile {
  name: string;
  content: string;
}

/**
 * A run's results as lm-evaluation-harness writes them: `results_<date>.json` and one `samples_<task>_<date>.jsonl` a task.
 * What Strata does not know is left out: the document itself (`doc`, `doc_hash`) and what is made of it (`task_hashes`).
 * @param date of the evaluation; its ISO form names the files, colons replaced as the harness does
 */
export function lmEvalFiles(data: ComparedRun, date: Date): WrittenFile[] {
  const { run, samples } = data;
  const stamp = date.toISOString().replace('Z', '').replaceAll(':', '-');
  const groups = groupsOf(data);
  const tasks = Object.entries(run.scores ?? {}).flatMap(([task, metrics]) => {
    const asOne = [{ name: task, samples: samples[task] ?? [] }];
    return (groups.get(task) ?? asOne).map((part) => ({ ...part, metrics: Object.keys(metrics) }));
  });
  const files = tasks.flatMap(({ name: task, samples: own, metrics }): WrittenFile[] => {
    const lines = own.flatMap((sample) => sampleLines(sample, metrics));
    if (lines.length === 0) return [];
    const content = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    return [{ name: `samples_${inFileName(task)}_${stamp}.jsonl`, content }];
  });
  const content = `${JSON.stringify(results(data, groups, date), null, 2)}\n`;
  return [{ name: `results_${stamp}.json`, content }, ...files];
}

/** The groups among a run's tasks. */
function groupsOf({ run, samples }: ComparedRun): Map<string, Member[]> {
  const split = Object.keys(run.scores ?? {}).map((task) => [task, splitGroup(samples[task] ?? [])] as const);
  return new Map(split.filter(([, members]) => members.length > 0));
}

/** The scores of a member: means of its documents. */
function memberScores({ samples }: Member, metrics: Scores[string]): Scores[string] {
  return Object.fromEntries(
    Object.keys(metrics).map((metric) => {
      const values = samples.map((s) => Number(s[metric]));
      const stderr = values.length > 1 ? standardError(values) : null;
      return [metric, { value: mean(values), stderr, n: values.length }];
    }),
  );
}

function results({ run }: ComparedRun, groups: ReadonlyMap<string, Member[]>, date: Date): Record<string, unknown> {
  const { request, spec } = run;
  const members = [...groups.values()].flat();
  const own = run.scores ?? {};
  const scores: Scores = {
    ...own,
    ...Object.fromEntries(
      [...groups].flatMap(([task, parts]) => parts.map((m) => [m.name, memberScores(m, own[task]!)] as const)),
    ),
  };
  const groupOf = (task: string) => [...groups].find(([, parts]) => parts.some((m) => m.name === task))?.[0] ?? task;
  const byTask = <T>(of: (task: string) => T) =>
    Object.fromEntries(Object.keys(scores).map((task) => [task, of(task)]));
  const fields = byTask((task) => ({ alias: task, ...scoreFields(scores[task]!) }));
  const shots = (task: string) => {
    const asked = request.tasks.find((t) => t.name === groupOf(task))?.spec;
    return asked && 'shots' in asked ? asked.shots : 0;
  };
  const name = run.id;
  return {
    results: fields,
    ...(groups.size > 0 && { groups: Object.fromEntries([...groups.keys()].map((task) => [task, fields[task]])) }),
    group_subtasks: Object.fromEntries([...groups].map(([task, parts]) => [task, parts.map((m) => m.name)])),
    configs: byTask((task) => ({ task })),
    versions: {},
    'n-shot': byTask(shots),
    higher_is_better: byTask((task) =>
      Object.fromEntries(
        Object.keys(scores[task]!).map((metric) => [filterOf(metric).metric, metricOf(metric)?.direction === 'higher']),
      ),
    ),
    'n-samples': byTask((task) => {
      const n = Math.max(...Object.values(scores[task]!).map((s) => s.n));
      return { original: members.find((m) => m.name === task)?.documents ?? n, effective: n };
    }),
    config: { model: 'strata', model_args: { run: run.id, base: spec.model }, device: spec.device, batch_size: null },
    git_hash: null,
    date: date.getTime() / 1000,
    model_source: 'strata',
    model_name: name,
    model_name_sanitized: name,
    strata: {
      version: request.version,
      run: run.id,
      arm: request.arm,
      ...(request.seed !== undefined && { seed: request.seed }),
      hash: request.hash,
    },
  };
}

function scoreFields(metrics: Record<string, { value: number; stderr: number | null }>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, { value, stderr }] of Object.entries(metrics)) {
    const { metric, filter } = filterOf(name);
    fields[`${metric},${filter}`] = value;
    fields[`${metric}_stderr,${filter}`] = stderr ?? 'N/A';
  }
  return fields;
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** One line a filter: what the harness writes for a document whose answer is read in several ways. */
function sampleLines(sample: SampleRecord, recorded: readonly string[]): HarnessSample[] {
  const byFilter = new Map<string, Record<string, unknown>>();
  for (const name of recorded) {
    const { metric, filter } = filterOf(name);
    const value = metric in ratioFields ? ratioPair(sample, metric) : sample[name];
    if (value !== undefined) byFilter.set(filter, { ...byFilter.get(filter), [metric]: value });
  }
  return [...byFilter].map(([filter, metrics]) => ({
    doc_id: sample.doc_id,
    ...asked(sample, filter),
    filter,
    metrics: Object.keys(metrics),
    prompt_hash: sample.prompt_hash,
    target_hash: sample.target_hash ?? sample.prompt_hash,
    ...metrics,
  }));
}

function ratioPair(sample: SampleRecord, metric: string): [number, number] | undefined {
  const [sum, count] = [sample['loglikelihood'], sample[ratioFields[metric]!]];
  return typeof sum === 'number' && typeof count === 'number' ? [sum, count] : undefined;
}

type Asked = Pick<HarnessSample, 'target' | 'arguments' | 'resps' | 'filtered_resps'>;

function asked(sample: SampleRecord, filter: string): Asked {
  const { context = '', continuations, loglikelihoods, is_greedy: greedy } = sample;
  if (Array.isArray(continuations) && Array.isArray(loglikelihoods)) {
    const flags = Array.isArray(greedy) ? greedy : [];
    const answers = loglikelihoods.map((l, i) => [String(l), flags[i] ? 'True' : 'False']);
    const contexts = sample['contexts'];
    return {
      target: String(sample['gold'] ?? ''),
      arguments: numbered(
        texts(continuations).map((c, i) => ({ arg_0: Array.isArray(contexts) ? contexts[i] : context, arg_1: c })),
      ),
      resps: answers.map((a) => [a]),
      filtered_resps: answers,
    };
  }
  const target = texts([sample['target'] ?? '']).join('');
  if (typeof sample['loglikelihood'] === 'number') {
    const value = String(sample['loglikelihood']);
    return { target, arguments: numbered([{ arg_0: context }]), resps: [[value]], filtered_resps: [value] };
  }
  return {
    target,
    arguments: numbered([{ arg_0: context, arg_1: {} }]),
    resps: [[sample['generated'] ?? '']],
    filtered_resps: [filteredBy(sample['filtered'], filter)],
  };
}

const numbered = (requests: Record<string, unknown>[]) =>
  Object.fromEntries(requests.map((request, i) => [`gen_args_${i}`, request]));

/** gsm8k keeps `{strict, flexible}`, other tasks one text. */
function filteredBy(filtered: unknown, filter: string): unknown {
  if (typeof filtered !== 'object' || filtered === null) return filtered ?? '';
  const { strict, flexible } = filtered as { strict?: unknown; flexible?: unknown };
  return (filter === 'strict-match' ? strict : flexible) ?? '';
}
