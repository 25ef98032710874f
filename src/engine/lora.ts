import { random } from '../base/random.ts';
import type { LoraMap } from '../graph/weights.ts';
import { factorName, loraScale, readAdapter } from '../model/adapter.ts';
import { readTensor } from '../model/safetensors.ts';
import type { Model } from '../model/types.ts';
import type { LoraPlan } from '../plan/types.ts';

/** The LoRA part of a run, and the PEFT adapter it starts from. */
export interface LoraRequest extends LoraPlan {
  /** Absolute folder of the adapter that `adapter` is the hash of. */
  adapterFolder?: string;
}

export function loraFactors({ rank, alpha, rslora, weights }: LoraRequest): LoraMap {
  const scale = loraScale(rank, alpha, rslora);
  return new Map(weights.map((weight) => [weight, { rank, scale }]));
}

/**
 * Values of the factors at the start, by PEFT's names: those of the adapter, else A Kaiming-uniform with a = √5, that is
 * U(−1/√in, 1/√in), seeded per tensor, and B zero. Source: peft `LoraLayer.reset_lora_parameters`.
 */
export async function initialFactors(
  model: Model,
  lora: LoraRequest,
  seed: number,
): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  const adapter = lora.adapterFolder === undefined ? undefined : await readAdapter(lora.adapterFolder, model.tensors);
  const modules = new Map(adapter?.modules.map((module) => [module.weight, module]));
  for (const weight of lora.weights) {
    const [output, input] = model.tensors.get(weight)!.shape as [number, number];
    const given = modules.get(weight);
    const [a, b] = [factorName(weight, 'a'), factorName(weight, 'b')];
    values.set(a, given ? await readTensor(given.a) : kaimingUniform(lora.rank, input, seed, a));
    values.set(b, given ? await readTensor(given.b) : new Float32Array(output * lora.rank));
  }
  return values;
}

function kaimingUniform(rank: number, input: number, seed: number, name: string): Float32Array {
  const generator = random(seed, 'lora', name);
  const bound = 1 / Math.sqrt(input);
  return Float32Array.from({ length: rank * input }, () => (2 * generator.float() - 1) * bound);
}
