import { devices } from '../device/devices.ts';
import type { Device } from '../device/types.ts';
import { factorName } from '../model/adapter.ts';
import { embeddingName, layerTensorName, layerTensors } from '../model/names.ts';
import type { ModelConfig } from '../model/types.ts';
import { backward } from './backward.ts';
import { crossEntropy } from './blocks/cross-entropy.ts';
import { headDistillation, type TeacherOutput } from './blocks/head-distillation.ts';
import { headLoss, headParts } from './blocks/head-loss.ts';
import { recompute } from './blocks/recompute.ts';
import { decoder, type TokenInputs } from './decoder.ts';
import { Graph } from './graph.ts';
import type { FloatType, Shape, Tensor } from './tensor.ts';
import { type LoraMap, type WeightPlaces, Weights, weightShapes } from './weights.ts';

export interface TrainingOptions {
  /** Rows of one pass: the micro-batch. */
  batch: number;
  sequence: number;
  /** Names of trained tensors of the model. */
  trained: readonly string[];
  /** Adapted weights; their factors are trained. */
  lora?: LoraMap;
  /** Keep only the input of each layer, and compute the layer again on the way back: less memory, about a third more time. */
  recompute: boolean;
  /**
   * The model that teaches: the loss is then the divergence from it (`headDistillation`), instead of the cross-entropy. Its
   * weights are named `teacher.NAME`.
   */
  teacher?: { config: ModelConfig; places: WeightPlaces };
  /** Parts in which the head's rows are computed; by default as many as `headParts` says. */
  headParts?: number;
  /** float64 to check gradients. */
  float?: FloatType;
  device?: Device;
}

/** What the optimizer owns, in model order: trained tensors, then LoRA factors. */
export interface TrainedParameter {
  name: string;
  shape: Shape;
}

export function trainedParameters(
  config: ModelConfig,
  { trained, lora = new Map() }: Pick<TrainingOptions, 'trained' | 'lora'>,
): TrainedParameter[] {
  const shapes = weightShapes(config, lora);
  const wanted = new Set(trained);
  for (const name of wanted) if (!shapes.has(name)) throw new Error(`the model has no tensor ${name} to train`);
  for (const name of lora.keys()) if (wanted.has(name)) throw new Error(`${name} is both trained and adapted`);
  for (const weight of lora.keys()) for (const factor of ['a', 'b'] as const) wanted.add(factorName(weight, factor));
  return [...shapes].filter(([name]) => wanted.has(name)).map(([name, shape]) => ({ name, shape }));
}

/**
 * Forward and backward pass of one micro-batch. Inputs: `ids`, `segments`, `positions`, `targets` int32 [batch·sequence] (a
 * negative target is none), `scale` [], and every weight that `places` makes an input; trained ones must be. Outputs: `loss`
 * [] = scale · Σ of the targets' cross-entropies (or divergences from a teacher), and `gradient.NAME` for each trained parameter.
 */
export function buildTraining(config: ModelConfig, places: WeightPlaces, options: TrainingOptions): Graph {
  const { batch, sequence } = options;
  const g = new Graph(options.float ?? 'float32', (options.device ?? devices.cpu!).forms);
  const weights = new Weights(g, config, places, options.lora);
  const perToken = (name: string) => g.input(name, 'int32', [batch * sequence]);
  const tokens = { ids: perToken('ids'), segments: perToken('segments'), positions: perToken('positions') };
  const targets = perToken('targets');
  const scale = g.input('scale', g.float, []);

  const parameters = trainedParameters(config, options);
  for (const { name } of parameters) {
    if (places(name).kind !== 'input') throw new Error(`${name} is trained, so it must be an input`);
  }
  const d = decoder(g, config, weights, { batch, sequence, positions: sequence }, tokens);
  const lowest = lowestTrained(config, parameters);
  let x = d.embed();
  for (let index = 0; index < config.layers; index++) {
    // What the last layer keeps is used at once: to compute it again would save nothing.
    const again = options.recompute && index < config.layers - 1;
    const body = (input: Tensor, walkedBack: boolean) => d.layer(input, index, { walkedBack }).y;
    x = again
      ? recompute(
          g,
          x,
          ofLayer(config, parameters, index).map(({ name }) => weights.get(name)),
          body,
        )
      : body(x, index >= lowest);
  }
  const tensors = parameters.map(({ name }) => weights.get(name));
  const head = d.headWeight();
  const wants = { x: config.tied || tensors.some((t) => t !== head), weight: tensors.includes(head) };
  // With a teacher about twice as many tensors of the logits' size exist at once.
  const width = config.vocabSize * (options.teacher ? 2 : 1);
  const parts = options.headParts ?? headParts(batch * sequence, width, wants.weight);
  const last = d.norm(x);
  const teacher = options.teacher && g.scope('teacher', () => teacherOutput(g, options, options.teacher!, tokens));
  const terms = { targets, scale, parts, wants };
  const loss = teacher
    ? g.scope('head', () => headDistillation(g, last, head, { ...terms, teacher }))
    : parts === 1
      ? crossEntropy(g, d.head(last), targets, scale)
      : g.scope('head', () => headLoss(g, last, head, terms));
  const found = g.scope('backward', () => backward(g, [{ of: loss, gradient: g.scalar(1) }], tensors));
  g.output('loss', loss);
  for (const [i, { name }] of parameters.entries()) {
    const gradient = found[i];
    if (!gradient) throw new Error(`the loss does not depend on ${name}`);
    g.output(`gradient.${name}`, gradient);
  }
  return g;
}

function teacherOutput(
  g: Graph,
  { batch, sequence }: TrainingOptions,
  { config, places }: { config: ModelConfig; places: WeightPlaces },
  tokens: TokenInputs,
): TeacherOutput {
  const weights = new Weights(g, config, places, undefined, 'teacher.');
  const d = decoder(g, config, weights, { batch, sequence, positions: sequence }, tokens);
  let x = d.embed();
  for (let index = 0; index < config.layers; index++) x = d.layer(x, index).y;
  return { x: d.norm(x), weight: d.headWeight() };
}

/** The first layer that gradients reach on the walk back. */
function lowestTrained(config: ModelConfig, parameters: readonly TrainedParameter[]): number {
  if (parameters.some(({ name }) => name === embeddingName)) return 0;
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  return layers.find((layer) => ofLayer(config, parameters, layer).length > 0) ?? config.layers;
}

/** Parameters that a layer uses: its own tensors and the factors of its weights. */
function ofLayer(config: ModelConfig, parameters: readonly TrainedParameter[], layer: number): TrainedParameter[] {
  const names = new Set(
    layerTensors(config).flatMap(({ module, part }) => {
      const name = layerTensorName(layer, module, part);
      return [name, factorName(name, 'a'), factorName(name, 'b')];
    }),
  );
  return parameters.filter(({ name }) => names.has(name));
}
