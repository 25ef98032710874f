import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readJsonIfThere, writeJsonAtomic } from './files.ts';
import { sha256File } from './hash.ts';

/** sha256 of files, remembered by path, size and time of change. */
export interface HashCache {
  /** sha256 of the whole file; read only if it is new or changed. */
  hashFile(path: string): Promise<string>;
  /** sha256 if it is remembered and the file has not changed since; nothing is read but the file's size and time. */
  known(path: string): Promise<string | undefined>;
  /** Writes what was learnt; safe beside other processes (a lost entry costs one more reading). */
  save(): Promise<void>;
}

interface Entry {
  size: number;
  /** Modification time in nanoseconds, as text: it does not fit a number. */
  time: string;
  sha256: string;
}

/** A file changed later than this before it was hashed may change again within one tick of the clock, so it is not remembered. */
const settled = 2_000_000_000n;

/**
 * A cache kept in `file` (`.strata/cache/hashes.json`), or only in memory without one. A damaged or missing cache file costs
 * time, never correctness.
 */
export function hashCache(file?: string): HashCache {
  let known: Promise<Map<string, Entry>> | undefined;
  const learnt = new Map<string, Entry>();
  async function lookUp(path: string) {
    known ??= load(file);
    const real = await realpath(path);
    const before = await stat(real, { bigint: true });
    const entry = learnt.get(real) ?? (await known).get(real);
    const still = entry?.size === Number(before.size) && entry.time === String(before.mtimeNs);
    return { real, before, sha256: still ? entry.sha256 : undefined };
  }
  return {
    known: (path) => lookUp(path).then((found) => found.sha256),
    async hashFile(path) {
      const { real, before, sha256: remembered } = await lookUp(path);
      if (remembered !== undefined) return remembered;
      const sha256 = await sha256File(real);
      const after = await stat(real, { bigint: true });
      const still = after.mtimeNs === before.mtimeNs && after.size === before.size;
      if (still && BigInt(Date.now()) * 1_000_000n - after.mtimeNs > settled)
        learnt.set(real, { size: Number(after.size), time: String(after.mtimeNs), sha256 });
      return sha256;
    },
    async save() {
      if (!file || learnt.size === 0) return;
      const merged = new Map([...(await load(file)), ...learnt]);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeJsonAtomic(file, Object.fromEntries(merged));
    },
  };
}

async function load(file: string | undefined): Promise<Map<string, Entry>> {
  const stored = file ? await readJsonIfThere<Record<string, Entry>>(file).catch(() => undefined) : undefined;
  return new Map(Object.entries(stored ?? {}));
}
