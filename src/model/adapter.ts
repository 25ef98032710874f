import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import { isLinearWeight } from './names.ts';
import { readObject } from './read-object.ts';
import { readHeader } from './safetensors.ts';
import type { Adapter, Model, TensorRef } from './types.ts';

export const adapterConfigName = 'adapter_config.json';
export const adapterWeightsName = 'adapter_model.safetensors';

/** Settings of a PEFT adapter that change what it computes and are not carried out: `[key, what it is]`. */
const notCarriedOut: [string, string][] = [
  ['use_dora', 'DoRA'],
  ['use_qalora', 'QA-LoRA'],
  ['use_bdlora', 'block-diagonal LoRA'],
  ['lora_bias', 'a bias on B'],
  ['fan_in_fan_out', 'weights stored as [in, out]'],
  ['modules_to_save', 'whole modules saved beside the adapter'],
  ['trainable_token_indices', 'trained token rows'],
  ['target_parameters', 'adapted parameters outside linear modules'],
  ['layer_replication', 'replicated layers'],
  ['rank_pattern', 'ranks that differ between modules'],
  ['alpha_pattern', 'alphas that differ between modules'],
  ['alora_invocation_tokens', 'activated LoRA'],
  ['arrow_config', 'Arrow routing'],
  ['kasa_config', 'KaSA'],
  ['monteclora_config', 'MonteCLoRA'],
  ['velora_config', 'VeLoRA'],
];

/** Initialisations that change the base's weights, so that the factors alone do not say what was trained. */
const baseChanging = /^(pissa|olora|loftq|corda|lora_ga)/;

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/**
 * Reads a PEFT LoRA adapter for a model with these tensors. Factors are A [rank, in] and B [out, rank].
 * Fails with `not-available-adapter` for settings that are not carried out, `invalid-adapter-…` for a damaged one.
 */
export async function readAdapter(folder: string, tensors: ReadonlyMap<string, TensorRef>): Promise<Adapter> {
  const place = join(folder, adapterConfigName);
  if (!(await exists(place)))
    fail('file-missing-adapter', `${folder} has no ${adapterConfigName}.`, {
      place: folder,
      remedy: 'Name the folder of a PEFT adapter.',
    });
  const settings = parseAdapterConfig(await readObject(place), place);
  const file = join(folder, adapterWeightsName);
  if (!(await exists(file)))
    fail('file-missing-adapter', `${folder} has no ${adapterWeightsName}.`, {
      place: folder,
      remedy: 'Save the adapter with PEFT as safetensors (an adapter_model.bin is not read).',
    });
  const factors = new Map<string, { a?: TensorRef; b?: TensorRef }>();
  for (const ref of (await readHeader(file)).tensors) {
    const { weight, factor } = parseFactor(ref.name, file);
    const pair = factors.get(weight) ?? {};
    pair[factor] = ref;
    factors.set(weight, pair);
  }
  const order = [...tensors.keys()];
  const modules = [...factors].map(([weight, { a, b }]) => {
    const target = tensors.get(weight);
    if (!target || !isLinearWeight(weight))
      return fail(
        'invalid-adapter-target',
        `${file} adapts ${weight}, which is no linear module of this model's layers.`,
        {
          place: file,
          remedy: 'Use the adapter with the model that it was trained on.',
        },
      );
    const [out, input] = target.shape;
    const fits =
      a &&
      b &&
      equal(a.shape, [settings.rank, input!]) &&
      equal(b.shape, [out!, settings.rank]) &&
      isFloat(a) &&
      isFloat(b);
    if (!fits)
      return fail(
        'invalid-adapter-shape',
        `${file} does not have A [${settings.rank}, ${input}] and B [${out}, ${settings.rank}] for ${weight}.`,
        {
          place: file,
          remedy: 'Use the adapter with the model that it was trained on.',
        },
      );
    return { weight, a, b };
  });
  if (modules.length === 0)
    fail('invalid-adapter-empty', `${file} holds no LoRA factors.`, { place: file, remedy: 'Save the adapter again.' });
  modules.sort((x, y) => order.indexOf(x.weight) - order.indexOf(y.weight));
  return { ...settings, modules };
}

/** Rank, alpha and scale of an adapter_config.json; fails for what is not carried out. */
export function parseAdapterConfig(raw: Record<string, unknown>, place: string): Omit<Adapter, 'modules'> {
  const refuse = (what: string): never =>
    fail('not-available-adapter', `${place}: ${what} is not carried out.`, {
      place,
      remedy: 'Use a plain LoRA adapter, or merge this one into its model with PEFT first.',
    });
  if (raw['peft_type'] !== 'LORA') refuse(`an adapter of type ${shown(raw['peft_type'])}`);
  for (const [key, what] of notCarriedOut) if (isSet(raw[key])) refuse(`${key} (${what})`);
  if ((raw['bias'] ?? 'none') !== 'none') refuse(`bias: ${shown(raw['bias'])}`);
  const init = raw['init_lora_weights'];
  if (typeof init === 'string' && baseChanging.test(init)) refuse(`init_lora_weights: ${init} (it changes the base)`);
  const { r: rank, lora_alpha: alpha } = raw;
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 1 || typeof alpha !== 'number')
    return fail('invalid-adapter-config', `${place} needs a whole number r and a number lora_alpha.`, {
      place,
      remedy: 'Save the adapter again with PEFT.',
    });
  const rslora = raw['use_rslora'] === true;
  return { rank, alpha, rslora, scale: loraScale(rank, alpha, rslora) };
}

/** alpha / r, or alpha / √r with rank-stabilised LoRA (Kalajdzievski 2023, eq. 6; PEFT `LoraLayer.update_layer`). */
export function loraScale(rank: number, alpha: number, rslora: boolean): number {
  return alpha / (rslora ? Math.sqrt(rank) : rank);
}

/** PEFT's name of a factor of `weight`. */
export function factorName(weight: string, factor: 'a' | 'b'): string {
  return `base_model.model.${weight.replace(/\.weight$/, '')}.lora_${factor.toUpperCase()}.weight`;
}

function parseFactor(name: string, file: string): { weight: string; factor: 'a' | 'b' } {
  const match = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name);
  if (!match)
    return fail('not-available-adapter', `${file} holds ${name}, which is no LoRA factor of a linear module.`, {
      place: file,
      remedy: 'Use a plain LoRA adapter, or merge this one into its model with PEFT first.',
    });
  return { weight: `${match[1]}.weight`, factor: match[2] === 'A' ? 'a' : 'b' };
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}
function isFloat(ref: TensorRef): boolean {
  return /^(F|BF)/.test(ref.dtype);
}

/** Fails with `usage-unmerged` for a model with LoRA factors: surgery would read its weights without them. */
export function refuseUnmerged(model: Model): void {
  if (!model.adapter) return;
  fail('usage-unmerged', `${model.folder} holds a LoRA adapter that is not merged into its weights.`, {
    place: model.folder,
    remedy: 'Merge it first: strata export RUN FOLDER, then use FOLDER.',
  });
}
