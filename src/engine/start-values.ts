import type { Model } from '../model/types.ts';
import { initialFactors, type LoraRequest } from './lora.ts';
import { readWeights } from './weights.ts';

/** Values of everything that is trained before step 0, by name: those of the model, and of the factors. */
export async function startValues({
  model,
  trained,
  lora,
  seed,
}: {
  model: Model;
  trained: readonly string[];
  lora?: LoraRequest;
  seed: number;
}): Promise<Map<string, Float32Array>> {
  const start = new Map<string, Float32Array>(await readWeights(model, trained));
  if (lora) for (const [name, data] of await initialFactors(model, lora, seed)) start.set(name, data);
  return start;
}
