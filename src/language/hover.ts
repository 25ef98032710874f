import * as z from 'zod';
import { metricsOfTask } from '../experiment/checks/names.ts';
import { defaultText, expectation, ruleOf, unwrap } from '../experiment/expect.ts';
import { type Reference, references } from '../experiment/references.ts';
import { importanceMetrics, importanceSummaries } from '../experiment/schema-data.ts';
import { parseSelector, selectorForms } from '../experiment/selectors.ts';
import type { Path } from '../experiment/tree.ts';
import type { CorpusSpec, Range, TaskSpec } from '../experiment/types.ts';
import { bytes, parameters } from '../plan/amounts.ts';
import { ranking } from '../plan/importance.ts';
import { parametersOf, select, stackOf } from '../plan/selectors.ts';
import { sequenceOf } from '../plan/training.ts';
import { trusted } from '../record/measured.ts';
import { taskKind } from '../tasks/kinds.ts';
import { metricOf } from '../tasks/metrics.ts';
import { patternOf } from './complete-values.ts';
import { schemasAt } from './schema-walk.ts';
import type { View } from './view.ts';
import {
  armLine,
  insertedWords,
  plural,
  runsOfArm,
  stackMarkdown,
  trainedLines,
  trainedWords,
  trainingWords,
} from './words.ts';

export interface Hover {
  range: Range;
  /** Paragraphs of Markdown: what it comes to here, then the rule. */
  markdown: string[];
}

/** What stands at an offset: what it resolves to in this file and this model, the rule, the default. */
export function hover(view: View, offset: number): Hover | undefined {
  const { path, inKey } = view.tree.pathAt(offset);
  if (path.length === 0) return undefined;
  const range = inKey ? view.tree.keyRangeOf(path) : view.tree.rangeOf(path);
  if (offset < range.start || offset > range.end) return undefined;
  const name = inKey ? undefined : references(view.written).find((r) => same(r.path, path));
  const here = name ? nameWords(view, name) : meaning(view, path);
  const markdown = [...here, ...ruleWords(view, path)];
  return markdown.length > 0 ? { range, markdown } : undefined;
}

const same = (a: Path, b: Path) => a.length === b.length && a.every((part, i) => part === b[i]);

/** The key's rule with its default; nothing for names of one's own. */
function ruleWords({ tree }: View, path: Path): string[] {
  const keyed = typeof path.at(-1) === 'number' ? path.slice(0, -1) : path;
  const [schema] = schemasAt(keyed, tree.value);
  const key = keyed.at(-1);
  const rule = schema && ruleOf(schema);
  if (!rule) return [];
  const standard = defaultText(schema);
  const without = schema.isOptional() ? (standard ? ` Default: ${standard}.` : '') : ' Required.';
  const is = unwrap(schema) instanceof z.ZodRecord ? '' : ` Is ${expectation(schema)}.`;
  return [`**${key}** – ${rule}${is}${without}`];
}

/** Meanings by path; the first that has something to say of it. */
type Meaning = (view: View, path: Path) => string[] | undefined;

function meaning(view: View, path: Path): string[] {
  for (let at = path; at.length > 0; at = at.slice(0, -1)) {
    const pattern = patternOf(at);
    const row = Object.hasOwn(meanings, pattern) ? meanings[pattern] : undefined;
    // What stands inside a corpus or a task is not explained by the whole of it.
    if (row && (at === path || patternOf(path).startsWith('arms.'))) return row(view, at) ?? [];
  }
  return [];
}

function nameWords(view: View, { kind, name }: Reference): string[] {
  return { arm: armWords, corpus: corpusWords, task: taskWords }[kind](view, name);
}

function armWords(view: View, name: string): string[] {
  const arm = view.arm(name);
  if (!arm) return Object.hasOwn(view.draft.arms, name) ? [`Arm \`${name}\`.`] : [];
  const training = trainingWords(arm);
  const details = [
    ...(arm.layers.some(({ kind }) => kind !== 'kept') || arm.pruned.length > 0
      ? [`Stack: ${stackMarkdown(arm)}`]
      : []),
    ...trainedLines(arm).map((line) => `Trains ${line}`),
    ...(arm.lora ? [`LoRA: rank ${arm.lora.rank} on ${plural(arm.lora.weights.length, 'weight')}`] : []),
    ...(training === undefined ? [] : [`Training: ${training}, about ${bytes(arm.cost.memory)} of memory`]),
    plural(runsOfArm(view, name), 'run'),
  ];
  return [`\`${name}\`: ${armLine(arm)}.`, details.map((line) => `- ${line}`).join('\n')];
}

function corpusWords(view: View, name: string): string[] {
  const spec = Object.hasOwn(view.draft.corpora, name) ? view.draft.corpora[name] : undefined;
  if (!spec) return [];
  const facts = view.facts?.corpora?.[name];
  const found = facts && !facts.problem ? ` ${plural(facts.files.length, 'file')}${facts.chat ? ', chat' : ''}.` : '';
  return [`Corpus \`${name}\`: ${kindOfCorpus(spec)}.${found}`];
}

function kindOfCorpus(spec: CorpusSpec): string {
  if (spec.kind === 'tokens') return `token rows, ${spec.files.join(', ')}`;
  const held = spec.holdout === undefined ? 'nothing held out' : `${spec.holdout * 100} % held out`;
  return `text, ${spec.files.join(', ')}, ${held}`;
}

function taskWords(view: View, name: string): string[] {
  const spec = Object.hasOwn(view.draft.tasks, name) ? view.draft.tasks[name] : undefined;
  const metrics = metricsOfTask({ experiment: view.draft }, name);
  if (!metrics) return [];
  const files = view.facts?.tasks?.[name];
  const found = files && !files.problem ? ` ${plural(files.files.length, 'file')}.` : '';
  return [
    `Task \`${name}\`: ${kindOfTask(spec)}.${found}`,
    metrics.map((m, i) => `- \`${m}\`${i === 0 ? ' (primary)' : ''}: ${metricOf(m)?.summary ?? ''}`).join('\n'),
  ];
}

function kindOfTask(spec: TaskSpec | undefined): string {
  if (!spec || spec.kind === 'benchmark') return 'a built-in benchmark';
  return `${spec.kind}, ${taskKind(spec.kind).summary}`;
}

const ofArm =
  (words: (arm: NonNullable<ReturnType<View['arm']>>, view: View, path: Path) => string | undefined): Meaning =>
  (view, path) => {
    const arm = view.arm(String(path[1]));
    const text = arm && words(arm, view, path);
    return text === undefined ? undefined : [text];
  };

const expandWords = ofArm((arm) => {
  const inserted = insertedWords(arm);
  return arm.pending ?? (inserted === undefined ? undefined : `${inserted}, ${trainedWords(arm)}.`);
});

const selectorWords: Meaning = (view, path) => {
  const text = view.tree.at(path);
  const arm = view.arm(String(path[1]));
  const selector = typeof text === 'string' ? parseSelector(text.trim()) : undefined;
  if (!selector) return undefined;
  const form = selector.kind === 'glob' ? 'GLOB' : selector.text;
  const summary = selectorForms.find((row) => row.form === form)?.summary;
  const said = summary === undefined ? [] : [`\`${selector.text}\`: ${summary}.`];
  if (!arm || arm.pending !== undefined) return said;
  const stack = stackOf(arm.config, arm.layers, arm.pruned);
  const picked = select(selector, stack);
  if ('code' in picked) return said;
  const weights = parametersOf(stack, new Set(picked.names));
  return [
    ...said,
    `${plural(picked.names.length, 'tensor')}, ${parameters(weights)} of ${parameters(arm.totalParameters)}.`,
  ];
};

const loraWords = ofArm((arm) => {
  if (!arm.lora) return undefined;
  const match = arm.matched ? ` \`${arm.matched.arm}\` trains ${parameters(arm.matched.parameters)}.` : '';
  return `Rank ${arm.lora.rank}, alpha ${arm.lora.alpha} on ${plural(arm.lora.weights.length, 'weight')}: ${trainedWords(arm)}.${match}`;
});

const pruneWords = ofArm((arm) =>
  arm.pruned.length === 0
    ? undefined
    : `Deletes ${plural(arm.pruned.length, 'layer')} (${arm.pruned.join(', ')}): ${plural(arm.layers.length, 'layer')} in all.`,
);

const modelWords: Meaning = ({ facts, plan }) => {
  const base = facts?.base;
  if (!base) return undefined;
  const { config, folder } = base;
  const all = plan()?.baseParameters;
  const size = all === undefined ? '' : `, ${parameters(all)} parameters`;
  const dtypes = [...new Set([...base.tensors.values()].map(({ dtype }) => dtype))].join(', ');
  return [
    `${config.family}: ${plural(config.layers, 'layer')} (0-${config.layers - 1}), hidden ${config.hiddenSize}, ${config.maxPositions.toLocaleString('en-US')} positions${size}, ${dtypes}${config.tied ? ', tied head' : ''}.`,
    `\`${folder}\``,
  ];
};

/** Of the experiment's training: that of the first arm that takes it as it is. */
const lengthWords: Meaning = (view, path) => {
  const own = path[0] === 'arms' ? String(path[1]) : undefined;
  const plans = view.plan()?.arms ?? [];
  const arm = plans.find(({ name, shape }) =>
    own === undefined ? shape && view.draft.arms[name]?.overrides.length === 0 : name === own,
  );
  const text = arm && trainingWords(arm);
  return text === undefined ? undefined : [`${text}.`];
};

const sequenceWords: Meaning = (view, path) => {
  const config = view.facts?.base?.config;
  const arm = Object.values(view.draft.arms).find(({ training }) => training);
  if (!config || !arm?.training || path[0] !== 'training') return undefined;
  return [
    `Rows of ${sequenceOf(arm.training, config.maxPositions)} tokens; the model has ${config.maxPositions} positions.`,
  ];
};

const seedWords: Meaning = (view) => {
  const runs = Object.keys(view.draft.arms).reduce((sum, name) => sum + runsOfArm(view, name), 0);
  return [`${plural(view.draft.seeds.length, 'seed')}: ${plural(runs, 'run')} in all.`];
};

const metricWords: Meaning = (view, path) => {
  const metric = metricOf(String(view.tree.at(path)));
  return metric && [`\`${metric.name}\`: ${metric.summary} (${metric.unit}, ${metric.direction} is better).`];
};

/** What a metric of layers is, and how the model's layers rank by it where that was measured. */
const importanceWords: Meaning = (view, path) => {
  const name = String(view.tree.at(path));
  const metric = importanceMetrics.find((known) => known === name);
  if (!metric) return undefined;
  const measured = trusted(view.facts?.measured);
  const values = measured?.importance.metrics[metric];
  const ranked = values ? ranking(values).join(', ') : undefined;
  return [
    `\`${metric}\`: ${importanceSummaries[metric]}.`,
    ...(ranked === undefined
      ? []
      : [`From the most to the least important on ${measured!.importance.corpus}: ${ranked}.`]),
  ];
};

const length = ['steps', 'tokens', 'epochs', 'batch'];
const meanings: Record<string, Meaning> = {
  model: modelWords,
  'corpora.*': (view, path) => corpusWords(view, String(path[1])),
  'tasks.*': (view, path) => taskWords(view, String(path[1])),
  'arms.*': (view, path) => armWords(view, String(path[1])),
  'arms.*.expand': expandWords,
  'arms.*.prune': pruneWords,
  'arms.*.merge': ofArm((arm) =>
    arm.surgery.merge === undefined
      ? undefined
      : `Layer ${arm.surgery.merge.into} = average of ${arm.surgery.merge.of.join(', ')}.`,
  ),
  'arms.*.train': ofArm((arm) => `${plural(arm.trained.length, 'tensor')}: ${trainedWords(arm)}.`),
  'arms.*.train.*': selectorWords,
  'arms.*.lora': loraWords,
  'arms.*.training': lengthWords,
  ...Object.fromEntries(length.map((key) => [`training.${key}`, lengthWords])),
  'training.sequence': sequenceWords,
  seeds: seedWords,
  'analysis.metrics.*': importanceWords,
  'arms.*.expand.by': importanceWords,
  'arms.*.prune.by': importanceWords,
  'compare.gain.metric': metricWords,
  'compare.forgetting.*.metric': metricWords,
};
