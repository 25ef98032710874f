import { basename } from 'node:path';
import { addEntry, removeEntry, replaceValue, yamlText } from './edits.ts';
import { type ArmInput, type FileInput, schemas } from './schema.ts';
import { lengthUnits, type TrainingOverrides, training } from './schema-arms.ts';
import { explainSelector, parseSelector, selectorForms } from './selectors.ts';
import type { Path, Tree } from './tree.ts';
import type * as t from './types.ts';

/** What the parts of one mapping contradict or lack, found while its alternatives are decided. */
export interface ResolveProblem {
  code: 'missing-key' | 'key-conflict' | 'bad-selector';
  path: Path;
  range: t.Range;
  message: string;
  fixes: t.Fix[];
}

interface Context {
  tree: Tree;
  problems: ResolveProblem[];
}

/** The valid part of a file, resolved: alternatives decided, defaults filled in, overrides merged. What is broken is left out. */
export function resolveFile(
  input: Partial<FileInput>,
  file: string,
  tree: Tree,
): { draft: t.Experiment; problems: ResolveProblem[] } {
  const context: Context = { tree, problems: [] };
  const tasks = mapValues(input.tasks ?? {}, (task) => resolveTask(task));
  const arms = mapValues(input.arms ?? {}, (arm, name) => resolveArm(name, arm, input.training, context));
  const draft: t.Experiment = {
    file,
    stem: stemOf(file),
    ...(input.title !== undefined && { title: input.title }),
    model: input.model ?? '',
    corpora: mapValues(input.corpora ?? {}, resolveCorpus),
    tasks,
    ...(input.analysis && { analysis: resolveAnalysis(input.analysis) }),
    arms,
    evaluation: {
      tasks: input.evaluation?.tasks ?? Object.keys(tasks),
      ...(input.evaluation?.every !== undefined && { every: input.evaluation.every }),
    },
    compare: resolveCompare(input.compare, arms),
    seeds: input.seeds ?? [1],
    target: resolveTarget(input.target ?? 'local'),
    device: input.device ?? 'auto',
  };
  return { draft, problems: context.problems };
}

/** `shallow` of `/x/shallow.strata.yaml`; `experiment` for a text without a file. */
export function stemOf(file: string): string {
  return basename(file).replace(/(\.strata)?\.ya?ml$/i, '') || 'experiment';
}

function mapValues<A, B>(record: Record<string, A>, map: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([k, v]) => [k, map(v, k)]));
}
const asList = <T>(value: T | readonly T[]): T[] => (Array.isArray(value) ? [...value] : [value as T]);

function resolveCorpus(input: NonNullable<FileInput['corpora']>[string]): t.CorpusSpec {
  if ('tokens' in input) return { kind: 'tokens', files: asList(input.tokens) };
  const { files, ...rest } = input;
  return { kind: 'text', files: asList(files), ...rest };
}

/** An own task or a benchmark; also for the `tasks:` mapping of another file. */
export function resolveTask(
  input: NonNullable<FileInput['tasks']>[string],
): t.ChoiceTask | t.GenerateTask | t.BenchmarkTask {
  const task = schemas.task.parse(input);
  if ('benchmark' in task) return { kind: 'benchmark', ...task };
  const { files, shots_from, ...rest } = task;
  return { ...rest, files: asList(files), ...(shots_from !== undefined && { shots_from: asList(shots_from) }) };
}

function resolveArm(name: string, input: ArmInput, inherited: FileInput['training'], context: Context): t.ArmSpec {
  const path = ['arms', name];
  const expand = input.expand && resolveExpand(input.expand, [...path, 'expand'], context);
  const lora = input.lora && resolveLora(input.lora, [...path, 'lora'], context);
  const train = input.train?.flatMap((text, i) => resolveSelector(text, [...path, 'train', i], context));
  const trained = input.train !== undefined || input.lora !== undefined;
  const merged = trained ? resolveTraining(mergeTraining(inherited, input.training)) : undefined;
  return {
    name,
    ...(input.from !== undefined && { from: input.from }),
    ...(expand && { expand }),
    ...(input.prune && { prune: resolvePrune(input.prune) }),
    ...(input.merge && { merge: input.merge }),
    ...(train && { train }),
    ...(lora && { lora }),
    ...(merged && { training: merged }),
    overrides: Object.keys(input.training ?? {}),
  };
}

function resolveAnalysis(written: NonNullable<FileInput['analysis']>): t.AnalysisSpec {
  const { corpus, ...rest } = schemas.analysis.parse(written);
  return { ...rest, corpora: [corpus].flat() };
}

function resolveExpand(
  written: NonNullable<ArmInput['expand']>,
  path: Path,
  context: Context,
): t.ExpandSpec | undefined {
  const { after, blocks, by, init, identity } = schemas.expand.parse(written);
  if (typeof after !== 'string') {
    if (blocks !== undefined)
      conflict('blocks', 'belongs to a rule; a list of layers says the number itself', path, context);
    if (by !== undefined) conflict('by', 'belongs to `after: analysis`', path, context);
    return { after: { kind: 'layers', layers: after }, init, identity };
  }
  if (by !== undefined && after !== 'analysis') conflict('by', 'belongs to `after: analysis`', path, context);
  if (by === undefined && after === 'analysis')
    missing('by', 'the metric that ranks the layers', path, 'influence', context);
  if (blocks === undefined) {
    missing('blocks', `how many blocks \`${after}\` inserts`, path, '1', context);
    return undefined;
  }
  return { after: { kind: 'rule', rule: after, blocks, ...(by && { by }) }, init, identity };
}

function resolvePrune(written: NonNullable<ArmInput['prune']>): t.PruneSpec {
  const prune = schemas.prune.parse(written);
  if ('last' in prune) return { kind: 'last', count: prune.last };
  if ('layers' in prune) return { kind: 'layers', layers: prune.layers };
  return { kind: 'by', ...prune };
}

function resolveLora(written: NonNullable<ArmInput['lora']>, path: Path, context: Context): t.LoraSpec | undefined {
  const { rank, arm, ...rest } = schemas.lora.parse(written);
  if (rank !== 'match' && arm !== undefined) conflict('arm', 'belongs to `rank: match`', path, context);
  if (rank === 'match') {
    if (rest.adapter !== undefined)
      conflict('adapter', 'brings its own rank, so there is nothing to match', path, context);
    if (arm !== undefined) return { ...rest, rank: { kind: 'match', arm } };
    missing('arm', 'the arm whose number of trained parameters is matched', path, undefined, context);
    return undefined;
  }
  if (rank !== undefined) return { ...rest, rank: { kind: 'fixed', rank } };
  if (rest.adapter !== undefined) return { ...rest, rank: { kind: 'adapter' } };
  missing('rank', 'a whole number of 1 or more, or `match`', path, '8', context);
  return undefined;
}

function resolveSelector(text: string, path: Path, { tree, problems }: Context): t.TrainSelector[] {
  const selector = parseSelector(text.trim());
  if (selector) return [selector];
  const { message, meant } = explainSelector(text.trim());
  const forms = selectorForms.map((f) => (f.form === 'GLOB' ? 'a glob on tensor names' : `\`${f.form}\``)).join(', ');
  problems.push({
    code: 'bad-selector',
    path,
    range: tree.rangeOf(path),
    message: meant ? `${message} Did you mean \`${meant}\`?` : `${message} Write one of ${forms}.`,
    fixes: meant ? [{ title: `Change to '${meant}'`, edits: replaceValue(tree, path, yamlText(meant)) }] : [],
  });
  return [];
}

/** A training as written, before defaults. */
export type WrittenTraining = { [K in keyof TrainingOverrides]?: Exclude<TrainingOverrides[K], null> };

/** The experiment's `training` with an arm's overrides: key by key, `null` removes, one length unit replaces another. */
export function mergeTraining(
  inherited: WrittenTraining | undefined,
  own: TrainingOverrides | undefined,
): WrittenTraining {
  const entries = new Map<string, unknown>(Object.entries(inherited ?? {}));
  const overrides = Object.entries(own ?? {});
  if (overrides.some(([k, v]) => isLengthUnit(k) && v !== null)) for (const unit of lengthUnits) entries.delete(unit);
  for (const [k, v] of overrides) {
    if (v === null) entries.delete(k);
    else entries.set(k, v);
  }
  return Object.fromEntries(entries);
}

const isLengthUnit = (key: string) => lengthUnits.some((unit) => unit === key);

/** Defaults filled in; undefined while a required key or the one length is missing. */
export function resolveTraining(written: WrittenTraining): t.TrainingSpec | undefined {
  const parsed = training.safeParse(written);
  const units = lengthUnits.filter((unit) => written[unit] !== undefined);
  if (!parsed.success || units.length !== 1) return undefined;
  const { steps, tokens, epochs, micro_batch, ...rest } = parsed.data;
  const unit = units[0]!;
  return {
    ...rest,
    length: { unit, value: { steps, tokens, epochs }[unit]! },
    micro_batch: micro_batch ?? rest.batch,
  };
}

function resolveCompare(written: FileInput['compare'], arms: Record<string, t.ArmSpec>): t.CompareSpec {
  const { baseline, subject, gain, forgetting = [] } = written ?? {};
  const all = Object.values(arms);
  const unchanged = (arm: t.ArmSpec) => !(arm.from || arm.expand || arm.prune || arm.merge || arm.train || arm.lora);
  const base = baseline ?? (Object.hasOwn(arms, 'base') ? 'base' : all.find(unchanged)?.name);
  const subjectArm = subject ?? all.find((arm) => arm.expand && arm.name !== base)?.name;
  const metric = (m: NonNullable<typeof gain>): t.MetricRef => (typeof m === 'string' ? { task: m } : m);
  return {
    ...(base !== undefined && { baseline: base }),
    ...(subjectArm !== undefined && { subject: subjectArm }),
    ...(gain !== undefined && { gain: metric(gain) }),
    forgetting: forgetting.map(metric),
  };
}

function resolveTarget(written: NonNullable<FileInput['target']>): t.Target {
  if (written === 'local') return { kind: 'local' };
  if (written === 'slurm') return { kind: 'slurm', options: {} };
  if ('ssh' in written) return { kind: 'ssh', host: written.ssh };
  const { slurm, ...options } = written;
  return { kind: 'slurm', host: slurm, options };
}

function conflict(key: string, why: string, path: Path, { tree, problems }: Context): void {
  const here = [...path, key];
  problems.push({
    code: 'key-conflict',
    path: here,
    range: tree.keyRangeOf(here),
    message: `\`${key}\` ${why}. Remove it.`,
    fixes: [{ title: `Remove '${key}'`, edits: removeEntry(tree, here) }],
  });
}

function missing(key: string, what: string, path: Path, usual: string | undefined, { tree, problems }: Context): void {
  const edits = usual === undefined ? [] : addEntry(tree, path, key, usual);
  problems.push({
    code: 'missing-key',
    path: [...path, key],
    range: tree.keyRangeOf(path),
    message: `\`${path.at(-1)}\` needs the key \`${key}\`: ${what}.`,
    fixes: edits.length > 0 ? [{ title: `Add '${key}: ${usual}'`, edits }] : [],
  });
}
