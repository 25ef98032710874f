import { resolve } from 'node:path';
import { exists } from '../../base/files.ts';
import type { HashCache } from '../../base/hash-cache.ts';
import type { Progress } from '../../base/log.ts';
import { hashTokenizer, openTokenizer } from '../../data/tokenizer.ts';
import type { Tokenizer } from '../../data/types.ts';
import type { ModelFacts } from '../../experiment/facts.ts';
import { refuseUnmerged } from '../../model/adapter.ts';
import { hashModel } from '../../model/hash.ts';
import { cachedModel } from '../../model/hub.ts';
import { linearModules } from '../../model/names.ts';
import { openModel } from '../../model/open.ts';
import type { Model } from '../../model/types.ts';
import type { BaseFacts } from '../types.ts';

/** A model with what a plan says of it. */
export interface GatheredModel {
  model: Model;
  facts: ModelFacts;
  base: BaseFacts;
  tokenizer?: Tokenizer;
}

/**
 * The folder that a `model:` names: relative to `from`, or an id (`org/name`) in the local Hugging Face cache. Nothing is ever
 * downloaded; a name that is neither comes back as the folder that it would be.
 */
export async function modelFolder(reference: string, from: string): Promise<string> {
  const folder = resolve(from, reference);
  return (await exists(folder)) ? folder : ((await cachedModel(reference)) ?? folder);
}

/** Config and tensor headers; fails as `openModel` does, and with `usage-unmerged` for a run with LoRA factors. */
export async function gatherModel(reference: string, from: string): Promise<GatheredModel> {
  const model = await openModel(await modelFolder(reference, from));
  refuseUnmerged(model);
  const { config, tensors, folder } = model;
  const facts: ModelFacts = {
    family: config.family,
    layers: config.layers,
    positions: config.maxPositions,
    vocabSize: config.vocabSize,
    tied: config.tied,
    tensors: [...tensors.values()].map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    linearModules: [...linearModules],
  };
  return { model, facts, base: { folder, config, tensors } };
}

/** Adds the tokenizer and its size. A model without one works for token rows; a broken one fails as `openTokenizer` does. */
export async function gatherTokenizer(gathered: GatheredModel): Promise<void> {
  const folder = gathered.model.tokenizerFolder;
  if (folder === undefined) {
    gathered.facts.tokenizer = 'missing';
    return;
  }
  gathered.tokenizer = await openTokenizer(folder);
  gathered.facts.tokenizerSize = gathered.tokenizer.size;
  gathered.facts.tokenizer = gathered.tokenizer.hasChatTemplate ? 'chat' : 'plain';
}

/** Bytes that take longer than a second or so to hash. */
const slow = 256 * 2 ** 20;

/** Adds the hashes of model and tokenizer. Large files that are new take a while: they are reported by bytes. */
export async function gatherHashes(
  { model, base }: GatheredModel,
  cache: HashCache,
  progress: Progress,
): Promise<void> {
  const bytes = new Map<string, number>();
  for (const ref of model.tensors.values()) bytes.set(ref.file, (bytes.get(ref.file) ?? 0) + ref.bytes);
  const total = [...bytes.values()].reduce((a, b) => a + b, 0);
  let done = 0;
  for (const [file, size] of bytes) {
    if (total > slow) progress.report('hashing the model', done, total);
    await cache.hashFile(file);
    done += size;
  }
  base.hash = await hashModel(model, cache);
  if (model.tokenizerFolder !== undefined) base.tokenizerHash = await hashTokenizer(model.tokenizerFolder);
}
