import { factorName } from '../model/adapter.ts';
import { scalesShape } from '../model/int4.ts';
import { expectedTensors } from '../model/names.ts';
import type { Dtype, ModelConfig } from '../model/types.ts';
import type { External, Graph } from './graph.ts';
import type { ElementType, Shape, Tensor } from './tensor.ts';

/** Where a weight comes from: fed at each run, or read from a file when the session is made. */
export type WeightPlace =
  | { kind: 'input' }
  | { kind: 'file'; dtype: StoredType; external: External }
  /** A matrix in int4, with a float32 factor for each `int4Block` values of a row. */
  | { kind: 'int4'; external: External; scales: External };
/** Types that weights are stored in and graphs can read. */
export type StoredType = Extract<ElementType, 'float32' | 'float64' | 'bfloat16' | 'float16'>;
/** Types of safetensors that a graph reads straight from the file. */
export const storedTypes: Partial<Record<Dtype, StoredType>> = {
  F32: 'float32',
  F64: 'float64',
  BF16: 'bfloat16',
  F16: 'float16',
};
/** Place of each weight, by its name in the model (LoRA factors by PEFT's names). */
export type WeightPlaces = (name: string) => WeightPlace;

/** Rank and scale of the LoRA factors beside one weight: y += scale · (x·Aᵀ)·Bᵀ. */
export interface LoraFactors {
  rank: number;
  scale: number;
}
/** By the name of the weight they add to. */
export type LoraMap = ReadonlyMap<string, LoraFactors>;

/** Weights of a graph, declared when they are first asked for. */
export class Weights {
  readonly #graph: Graph;
  readonly #places: WeightPlaces;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #made = new Map<string, Tensor>();
  readonly #prefix: string;
  readonly lora: LoraMap;

  /** `prefix` tells the tensors of a second model in the same graph from the first's. */
  constructor(graph: Graph, config: ModelConfig, places: WeightPlaces, lora: LoraMap = new Map(), prefix = '') {
    this.#graph = graph;
    this.#places = places;
    this.lora = lora;
    this.#prefix = prefix;
    this.#shapes = weightShapes(config, lora);
  }

  /** The stored tensor. Throws for a name that the config's model does not have. */
  get(name: string): Tensor {
    const known = this.#made.get(name);
    if (known) return known;
    const shape = this.#shapes.get(name);
    if (!shape) throw new Error(`the model has no tensor ${name}`);
    const place = this.#places(name);
    const tensor = this.#declare(this.#prefix + name, shape, place);
    this.#made.set(name, tensor);
    return tensor;
  }

  #declare(name: string, shape: Shape, place: WeightPlace): Tensor {
    const g = this.#graph;
    if (place.kind === 'input') return g.input(name, g.float, shape);
    if (place.kind === 'file') return g.external(name, place.dtype, shape, place.external);
    const scales = g.external(`${name}.scale`, 'float32', scalesShape(shape), place.scales);
    return g.external(name, 'int4', shape, place.external, scales);
  }

  /** The tensor, if the model has one of this name. */
  find(name: string): Tensor | undefined {
    return this.#shapes.has(name) ? this.get(name) : undefined;
  }
}

/** Shape of every weight of a model, LoRA factors included. */
export function weightShapes(config: ModelConfig, lora: LoraMap = new Map()): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>(expectedTensors(config).map(({ name, shape }) => [name, shape]));
  for (const [weight, { rank }] of lora) {
    const shape = shapes.get(weight);
    if (shape?.length !== 2) throw new Error(`no matrix ${weight} to adapt`);
    shapes.set(factorName(weight, 'a'), [rank, shape[1]!]);
    shapes.set(factorName(weight, 'b'), [shape[0]!, rank]);
  }
  return shapes;
}
