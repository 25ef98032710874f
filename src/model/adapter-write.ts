import { join } from 'node:path';
import { writeJsonAtomic } from '../base/files.ts';
import { adapterConfigName, adapterWeightsName, factorName } from './adapter.ts';
import { linearModules, roleOf } from './names.ts';
import { stored, type TensorSource, values } from './sources.ts';
import type { Adapter } from './types.ts';
import { writeSafetensors } from './writer.ts';

/** LoRA factors as they are in a trainer: weight name → A [rank, in] and B [out, rank]. */
export interface AdapterValues {
  rank: number;
  alpha: number;
  rslora: boolean;
  modules: { weight: string; a: Factor; b: Factor }[];
}
export interface Factor {
  shape: number[];
  data: Float32Array;
}

/** Writes an adapter that PEFT's `PeftModel.from_pretrained` loads: factors in float32 under PEFT's names, and its config. */
export async function writeAdapter(
  folder: string,
  adapter: AdapterValues | Adapter,
  base: { folder: string; layers: number },
): Promise<void> {
  const sources: TensorSource[] = adapter.modules.flatMap(({ weight, a, b }) => [
    factorSource(factorName(weight, 'a'), a),
    factorSource(factorName(weight, 'b'), b),
  ]);
  await writeSafetensors(join(folder, adapterWeightsName), sources, { mode: 0o600 });
  await writeJsonAtomic(join(folder, adapterConfigName), {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base.folder,
    r: adapter.rank,
    lora_alpha: adapter.alpha,
    use_rslora: adapter.rslora,
    target_modules: targetModules(
      adapter.modules.map(({ weight }) => weight),
      base.layers,
    ),
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
  });
}

function factorSource(name: string, factor: Factor | Adapter['modules'][number]['a']): TensorSource {
  return 'data' in factor ? values(name, factor.shape, 'F32', factor.data) : stored(factor, name);
}

/**
 * Short names (`q_proj`) when every layer has the same modules adapted, else full names: PEFT matches a target against the
 * end of a module's name, so a short one means all layers.
 */
export function targetModules(weights: readonly string[], layers: number): string[] {
  const counts = new Map<string, number>();
  for (const weight of weights) {
    const role = roleOf(weight);
    if (role?.kind === 'layer') counts.set(role.module, (counts.get(role.module) ?? 0) + 1);
  }
  if ([...counts.values()].some((count) => count !== layers))
    return weights.map((weight) => weight.replace(/\.weight$/, ''));
  return linearModules.filter((module) => counts.has(module)).map((module) => module.replace(/^.*\./, ''));
}
