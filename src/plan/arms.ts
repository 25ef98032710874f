import { toProblem } from '../base/problem.ts';
import { perplexityCorpus } from '../experiment/references.ts';
import type { ArmSpec, Experiment, TrainingSpec } from '../experiment/types.ts';
import { storedTypes } from '../graph/weights.ts';
import { dtypes } from '../model/dtypes.ts';
import { keptLayers } from '../model/open.ts';
import { planStack } from '../model/surgery.ts';
import type { Surgery } from '../model/types.ts';
import { costOf, type StoredWeights, type Trained } from './cost.ts';
import { type Diagnostics, Recorder } from './diagnostics.ts';
import { loraWeights, matchRank, parametersPerRank } from './lora.ts';
import { parametersOf, type Stack, selectAll, stackOf } from './selectors.ts';
import { surgeryOf } from './surgery.ts';
import { shapeOf } from './training.ts';
import type { ArmPlan, CorpusContent, LoraPlan, PlannableFacts } from './types.ts';

export interface PlannedArm {
  spec: ArmSpec;
  plan: ArmPlan;
  stack: Stack;
}
export interface PlannedArms {
  base: Stack;
  arms: PlannedArm[];
}

/** Plans `names` (and, unseen, the arms that a rank is matched with), each once. */
export function planArms(
  experiment: Experiment,
  facts: PlannableFacts,
  names: readonly string[],
  diagnostics: Diagnostics,
): PlannedArms {
  const { config } = facts.base;
  const base = stackOf(config, keptLayers(config.layers));
  const context: Context = { experiment, facts, base, diagnostics, all: diagnostics, done: new Map(), open: new Set() };
  const arms = names.map((name) => planArm(name, context)).filter((arm) => arm !== undefined);
  return { base, arms };
}

interface Context {
  experiment: Experiment;
  facts: PlannableFacts;
  base: Stack;
  /** Of the arm that is being planned. */
  diagnostics: Diagnostics;
  /** Of all arms. */
  all: Diagnostics;
  done: Map<string, PlannedArm | undefined>;
  /** Arms that are being planned: to meet one again is a cycle. */
  open: Set<string>;
}

/** The arm, or undefined if an error was reported that leaves no stack. */
function planArm(name: string, context: Context): PlannedArm | undefined {
  const { done, open, experiment, all } = context;
  if (done.has(name)) return done.get(name);
  const spec = experiment.arms[name];
  if (spec === undefined) return undefined;
  if (open.has(name)) {
    const chain = [...open, name].slice([...open].indexOf(name));
    all.error(['arms', name], 'arm-cycle', `The arms ${chain.join(' → ')} wait for each other. Break the circle.`);
    return undefined;
  }
  open.add(name);
  const { planned, said } = remembered(spec, context);
  for (const problem of said) all.add(...problem);
  open.delete(name);
  done.set(name, planned);
  return planned;
}

interface Remembered {
  planned: PlannedArm | undefined;
  said: Parameters<Diagnostics['add']>[];
}
/** An editor plans the same arms for the same facts with each keystroke: what was planned is kept as long as the facts. */
const memory = new WeakMap<PlannableFacts, Map<string, Remembered>>();
const most = 512;

function remembered(spec: ArmSpec, context: Context): Remembered {
  const { experiment, facts } = context;
  const known = memory.get(facts) ?? new Map<string, Remembered>();
  memory.set(facts, known);
  const basis = basisOf(spec, experiment, []);
  const key = basis && JSON.stringify([basis, experiment.evaluation]);
  const before = key === undefined ? undefined : known.get(key);
  // What the arm rests on says its own problems.
  if (before) {
    for (const name of restsOn(spec)) planArm(name, context);
    return before;
  }
  const recorder = new Recorder();
  const planned = planFresh(spec, { ...context, diagnostics: recorder });
  const fresh = { planned, said: recorder.said };
  if (known.size >= most) known.clear();
  if (key !== undefined) known.set(key, fresh);
  return fresh;
}

/** The arm that it starts from, and the one whose size it matches. */
function restsOn({ from, lora }: ArmSpec): string[] {
  return [...(from === undefined ? [] : [from]), ...(lora?.rank.kind === 'match' ? [lora.rank.arm] : [])];
}

/** An arm with all that it rests on; undefined in a cycle. */
function basisOf(spec: ArmSpec, { arms }: Pick<Experiment, 'arms'>, above: readonly string[]): unknown[] | undefined {
  if (above.includes(spec.name)) return undefined;
  const rest = restsOn(spec).map((name) => {
    const other = arms[name];
    return other === undefined ? null : basisOf(other, { arms }, [...above, spec.name]);
  });
  return rest.includes(undefined) ? undefined : [spec, ...rest];
}

function planFresh(spec: ArmSpec, context: Context): PlannedArm | undefined {
  const start = startOf(spec, context);
  if (start === undefined) return undefined;
  const { stack, surgery, pending } = start;
  const { experiment, facts, diagnostics } = context;
  const { names, problems } = selectAll(spec.train ?? [], stack);
  if (pending === undefined)
    for (const { index, code, message } of problems)
      diagnostics.error(['arms', spec.name, 'train', index], code, message);
  const trained: Trained = { names: new Set(names) };
  const lora = spec.lora ? planLora(spec, stack, names, context) : undefined;
  if (lora) trained.lora = lora.plan;
  const shape = spec.training
    ? shapeOf(spec.training, stack, trained, facts.contents?.[spec.training.corpus])
    : undefined;
  const evaluations = {
    tokens: evaluationTokens(experiment, facts),
    times: evaluationTimes(experiment.evaluation.every, shape?.steps),
  };
  const loraParameters = lora ? lora.plan.rank * parametersPerRank(lora.plan.weights, stack) : 0;
  const plan: ArmPlan = {
    name: spec.name,
    from: spec.from,
    pending,
    config: stack.config,
    layers: stack.layers,
    pruned: stack.pruned,
    surgery,
    trained: names,
    trainedParameters: parametersOf(stack, trained.names) + loraParameters,
    totalParameters: parametersOf(stack),
    lora: lora?.plan,
    matched: lora?.matched,
    shape,
    cost: costOf(stack, trained, shape, evaluations, storedWeights(facts, spec.training), facts.machine),
    runs: [],
  };
  return { spec, plan, stack };
}

interface Start {
  stack: Stack;
  surgery: Surgery;
  pending?: string;
}

/** The model that an arm trains: its parent's result, or the base after its own surgery. */
function startOf(spec: ArmSpec, context: Context): Start | undefined {
  const { facts, base, diagnostics } = context;
  if (spec.from !== undefined) {
    const parent = planArm(spec.from, context);
    if (parent === undefined) return undefined;
    const { pending } = parent.plan;
    return { stack: parent.stack, surgery: {}, pending };
  }
  const { surgery, pending } = surgeryOf(spec, base.layers.length, facts.importance);
  if (pending !== undefined) return { stack: base, surgery, pending };
  try {
    const { config, layers, pruned } = planStack(facts.base.config, surgery);
    return { stack: stackOf(config, layers, pruned), surgery };
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    const remedy = problem.remedy === undefined ? '' : ` ${problem.remedy}`;
    diagnostics.error(['arms', spec.name], problem.code, `${problem.message}${remedy}`);
    return undefined;
  }
}

/** Rank, alpha and weights of an arm's LoRA, or undefined if an error was reported. */
function planLora(
  arm: ArmSpec,
  stack: Stack,
  trained: readonly string[],
  context: Context,
): { plan: LoraPlan; matched?: ArmPlan['matched'] } | undefined {
  const { diagnostics, facts } = context;
  const spec = arm.lora;
  if (spec === undefined) return undefined;
  const path = ['arms', arm.name, 'lora'];
  const found = loraWeights(spec, stack);
  if ('code' in found) {
    diagnostics.error(path, found.code, found.message);
    return undefined;
  }
  let { weights } = found;
  const adapter = facts.adapters?.[arm.name];
  if (spec.adapter !== undefined) {
    // Without its facts the adapter's own problem was reported where it was read.
    if (adapter === undefined) return undefined;
    const stray = adapter.weights.find((name) => !weights.includes(name));
    if (stray !== undefined && (spec.targets !== 'all_linear' || spec.layers !== undefined)) {
      diagnostics.error(
        path,
        'lora-adapter-targets',
        `The adapter ${spec.adapter} adapts ${stray}, which "targets" and "layers" do not name. Leave them out, or name what it adapts.`,
      );
      return undefined;
    }
    weights = adapter.weights;
  }
  const both = weights.find((name) => trained.includes(name));
  if (both !== undefined)
    diagnostics.error(
      path,
      'trained-and-adapted',
      `${both} is both trained and adapted. Leave it out of "train", or narrow "layers" or "targets" of "lora".`,
    );
  const ranked = rankOf(arm, stack, weights, trained, context);
  if (ranked === undefined) return undefined;
  const plan: LoraPlan = {
    rank: ranked.rank,
    alpha: spec.alpha ?? adapter?.alpha ?? 2 * ranked.rank,
    rslora: spec.rslora || adapter?.rslora === true,
    weights,
    adapter: adapter?.hash,
  };
  return { plan, matched: ranked.matched };
}

function rankOf(
  arm: ArmSpec,
  stack: Stack,
  weights: readonly string[],
  trained: readonly string[],
  context: Context,
): { rank: number; matched?: ArmPlan['matched'] } | undefined {
  const { diagnostics, facts } = context;
  const path = ['arms', arm.name, 'lora', 'rank'];
  const spec = arm.lora?.rank;
  const own = facts.adapters?.[arm.name]?.rank;
  if (spec === undefined) return undefined;
  if (spec.kind === 'adapter') return own === undefined ? undefined : { rank: own };
  if (spec.kind === 'fixed') {
    if (own !== undefined && own !== spec.rank)
      diagnostics.error(
        path,
        'lora-adapter-rank',
        `rank is ${spec.rank}, but the adapter has rank ${own}. Write ${own}, or leave "rank" out.`,
      );
    return { rank: spec.rank };
  }
  const other = planArm(spec.arm, context);
  if (other === undefined) return undefined;
  const parameters = other.plan.trainedParameters;
  if (parameters === 0) {
    if (other.plan.pending === undefined)
      diagnostics.error(path, 'lora-match-untrained', `The arm "${spec.arm}" trains nothing, so no rank matches it.`);
    return undefined;
  }
  const rest = parameters - parametersOf(stack, new Set(trained));
  const rank = matchRank(rest, parametersPerRank(weights, stack));
  return { rank, matched: { arm: spec.arm, parameters } };
}

/** Tokens of one evaluation of all tasks, as far as they were counted. */
function evaluationTokens({ evaluation }: Experiment, { taskContents, contents }: PlannableFacts): number {
  return evaluation.tasks.reduce((sum, task) => {
    const corpus = contents?.[perplexityCorpus(task) ?? ''];
    return sum + (corpus ? heldOutTokens(corpus) : (taskContents?.[task]?.tokens ?? 0));
  }, 0);
}

/** About as many tokens a document as those that are trained on; all of the corpus if nothing is held out. */
function heldOutTokens({ documents, tokens, holdoutDocuments }: CorpusContent): number {
  return holdoutDocuments === 0 ? tokens : Math.round((tokens / Math.max(1, documents)) * holdoutDocuments);
}

/** At the end; with `every: n` also after surgery, n, 2n … */
function evaluationTimes(every: number | undefined, steps: number | undefined): number {
  if (every === undefined || steps === undefined) return 1;
  return 1 + Math.ceil(steps / every);
}

/** How the base is stored: by its largest tensor, which is a matrix. */
export function storedWeights({ base }: PlannableFacts, training?: TrainingSpec): StoredWeights {
  const largest = [...base.tensors.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const lowered = training && loweredBy(training);
  return {
    dtype: storedTypes[largest.dtype] ?? 'float32',
    bytes: dtypes[largest.dtype].bytes,
    ...(lowered && { lowered }),
  };
}

function loweredBy({ base_precision: kind }: TrainingSpec): StoredWeights['lowered'] {
  return kind === 'int4' || kind === 'bfloat16' ? kind : undefined;
}
