import { basename, dirname, join } from 'node:path';
import { readJsonIfThere } from '../../base/files.ts';
import { attempt, sentence } from '../../base/problem.ts';
import { t } from '../../base/translate.ts';
import { hasErrors } from '../../experiment/diagnostics.ts';
import { parse } from '../../experiment/parse.ts';
import type { Experiment } from '../../experiment/types.ts';
import { elements } from '../../model/dtypes.ts';
import { openModel } from '../../model/open.ts';
import { modelTree } from '../../model/tree.ts';
import type { Model } from '../../model/types.ts';
import { modelFolder } from '../../plan/facts/model.ts';
import { gather } from '../../plan/gather.ts';
import { isPlannable, resolve } from '../../plan/resolve.ts';
import type { ArmPlan, Plan, PlannableFacts, RunSpec } from '../../plan/types.ts';
import { homeOf, layout } from '../../record/layout.ts';
import { readMeasured, withImportance } from '../../record/measured.ts';
import { chosenScale, type Scale, scalesOf } from './importance.ts';
import type { LayerNode } from './node.ts';
import { type Drawing, drawModel, resultingTree } from './tree.ts';

/** The bundle has texts of its own. */
export { speak } from '../../base/translate.ts';

/** What the Layers view shows. */
export interface Described {
  /** Undefined where the model cannot be read; then `problem` says why. */
  root?: LayerNode;
  /** Arms of the experiment, and why one cannot be drawn yet. */
  arms: { name: string; words: string; pending?: string }[];
  /** The arm that is drawn. */
  arm?: string;
  /** Importance that can be drawn, and the one that is. */
  scales: Pick<Scale, 'id' | 'label' | 'detail'>[];
  scale?: string;
  /** A sentence for the head of the view. */
  problem?: string;
  /** Folder of the model, to be watched. */
  model?: string;
}

/** What the user chose to see. */
export interface Wishes {
  arm?: string | undefined;
  /** Id of a scale, or `noScale`; the most trusted one otherwise. */
  scale?: string | undefined;
}

/**
 * The model of an experiment, with one of its arms drawn into it. Reads config and tensor headers only. Of a text with errors
 * what can be read is drawn, and `problem` says so.
 */
export async function describeExperiment(text: string, file: string, { arm, scale }: Wishes): Promise<Described> {
  const parsed = parse(text, { file });
  const { draft } = parsed;
  const opened = await attempt(async () => openModel(await modelFolder(draft.model, dirname(file))));
  if (!opened.ok)
    return {
      arms: Object.keys(draft.arms).map((name) => ({ name, words: '' })),
      scales: [],
      problem: sentence(opened.problem),
    };
  const model = opened.value;
  const title = draft.model;
  const measured = await readMeasured([homeOf(file).folder], model);
  const gathered = await gather(draft, { depth: 'headers' });
  const facts = withImportance({ ...gathered, measured }, draft);
  const plan = facts && isPlannable(facts) ? planned(draft, facts) : undefined;
  const scales = scalesOf(measured);
  const shown = chosenScale(scales, scale);
  const chosen = arm === undefined ? undefined : plan?.arms.find(({ name }) => name === arm);
  const drawn = chosen && chosen.pending === undefined ? chosen : undefined;
  const broken = parsed.experiment === undefined || !plan || hasErrors(plan.diagnostics);
  const problem = chosen?.pending ?? (broken ? incomplete() : undefined);
  return {
    arms: Object.keys(draft.arms).map((name) =>
      armRow(
        name,
        plan?.arms.find((planned) => planned.name === name),
      ),
    ),
    model: model.folder,
    ...(drawn && { arm: drawn.name }),
    scales,
    ...(shown && { scale: shown.id }),
    ...(problem !== undefined && { problem }),
    root: drawn
      ? drawArm(t('{0}, arm {1}', title, drawn.name), model, drawn, shown)
      : drawModel(title, modelTree(model), { pruned: [], ...importanceOf(shown, 'base') }),
  };
}

const incomplete = () => t('The experiment has errors: what can be read of it is drawn.');

/** The plan of what can be read; an arm with an error is not in it. */
function planned(draft: Experiment, facts: PlannableFacts): Plan | undefined {
  try {
    return resolve(draft, facts);
  } catch {
    // A draft of a broken text may contradict itself in ways that the planner takes for defects.
    return undefined;
  }
}

function armRow(name: string, plan: ArmPlan | undefined): Described['arms'][number] {
  if (!plan) return { name, words: t('has errors'), pending: t('has errors') };
  const { layers, pruned, pending, trainedParameters } = plan;
  const count = (kind: string) => layers.filter((layer) => layer.kind === kind).length;
  const words = [
    ...(count('new') > 0 ? [t('{0} new', count('new'))] : []),
    ...(pruned.length > 0 ? [t('{0} pruned', pruned.length)] : []),
    ...(count('merged') > 0 ? [t('{0} merged', count('merged'))] : []),
    trainedParameters > 0
      ? t('{0} parameters trained', trainedParameters.toLocaleString('en-US'))
      : t('nothing trained'),
  ];
  return { name, words: words.join(', '), ...(pending !== undefined && { pending }) };
}

function importanceOf(scale: Scale | undefined, of: 'base' | 'result'): Pick<Drawing, 'importance'> {
  return scale ? { importance: { scale, of } } : {};
}

function drawArm(title: string, model: Model, arm: ArmPlan, scale: Scale | undefined): LayerNode {
  const base = modelTree(model);
  const tree = resultingTree(base, arm.layers);
  const { pruned, lora, trainedParameters } = arm;
  const adapted = lora && { weights: new Set(lora.weights), rank: lora.rank };
  const drawing = { pruned, trained: new Set(arm.trained), trainedParameters, adapted, ...importanceOf(scale, 'base') };
  return drawModel(title, tree, drawing, base);
}

/**
 * A checkpoint folder, or a run with what it trained. `homes`: `.strata` folders where it may have been measured. Fails as
 * `openModel` does.
 */
export async function describeModel(
  folder: string,
  homes: readonly string[] = [],
  { scale }: Wishes = {},
): Promise<Described> {
  const model = await openModel(folder);
  const spec = model.kind === 'run' ? await readJsonIfThere<RunSpec>(join(folder, layout.spec)) : undefined;
  const kept = new Set(model.layers.flatMap((l) => (l.kind === 'new' ? [] : [l.base])));
  const pruned = Array.from({ length: model.base?.config.layers ?? 0 }, (_, i) => i).filter((i) => !kept.has(i));
  const tree = modelTree(model);
  const base = model.base ? modelTree(await openModel(model.base.folder)) : tree;
  const scales = scalesOf(await readMeasured(homes, model));
  const shown = chosenScale(scales, scale);
  return {
    arms: [],
    scales,
    ...(shown && { scale: shown.id }),
    model: model.folder,
    root: drawModel(
      basename(folder),
      tree,
      { pruned, ...trainedBy(spec, model), ...importanceOf(shown, 'result') },
      base,
    ),
  };
}

function trainedBy(spec: RunSpec | undefined, { tensors, adapter }: Model): Omit<Drawing, 'pruned'> {
  const adapted = adapter && { weights: new Set(adapter.modules.map(({ weight }) => weight)), rank: adapter.rank };
  if (!spec) return { adapted };
  const factors = adapter?.modules.flatMap(({ a, b }) => [a, b]) ?? [];
  const touched = [...spec.trained.flatMap((name) => tensors.get(name) ?? []), ...factors];
  const trainedParameters = touched.reduce((sum, { shape }) => sum + elements(shape), 0);
  return { trained: new Set(spec.trained), trainedParameters, adapted };
}
