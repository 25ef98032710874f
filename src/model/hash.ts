import { canonicalJson, sha256, sha256File } from '../base/hash.ts';
import { type HashCache, hashCache } from '../base/hash-cache.ts';
import type { Model, TensorRef } from './types.ts';

/**
 * sha256 over the config and the contents of all files that hold the model's tensors, in order of their names. For a run:
 * over the base (by its recorded hash), the layer map and what the run changed.
 */
export async function hashModel(model: Model, cache: HashCache = hashCache()): Promise<string> {
  const hashes: string[] = [];
  for (const file of filesOf(model)) hashes.push(await cache.hashFile(file));
  return hashOf(model, hashes);
}

/** The same, as far as the cache remembers all of its files; undefined otherwise. For views, which read no weights. */
export async function knownHash(model: Model, cache: HashCache): Promise<string | undefined> {
  const hashes: string[] = [];
  for (const file of filesOf(model)) {
    const hash = await cache.known(file);
    if (hash === undefined) return undefined;
    hashes.push(hash);
  }
  return hashOf(model, hashes);
}

/** Files that hold its own tensors, by name. */
function filesOf(model: Model): string[] {
  const own = model.base ? model.changed.map((name) => model.tensors.get(name)!) : [...model.tensors.values()];
  const factors = model.adapter?.modules.flatMap(({ a, b }) => [a, b]) ?? [];
  return [...new Set([...own, ...factors].map((ref) => ref.file))].sort();
}

function hashOf(model: Model, hashes: readonly string[]): string {
  return sha256(
    canonicalJson({
      config: model.config.raw,
      files: hashes,
      ...(model.base ? { base: model.base.hash, map: Object.fromEntries(model.base.map) } : {}),
      ...(model.adapter ? { scale: model.adapter.scale } : {}),
    }),
  );
}

/** sha256 of a tensor's stored bytes. */
export function hashTensor(ref: TensorRef): Promise<string> {
  return sha256File(ref.file, ref.offset, ref.offset + ref.bytes);
}
