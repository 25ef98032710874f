import { join } from 'node:path';
import { createOnce, privateFolder, readJsonIfThere, writeJsonAtomic } from '../../base/files.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';

/** What was found out about contents, remembered by what decides it. A lost cache costs time, never correctness. */
export interface FactCache {
  /** Undefined: only in memory. */
  folder?: string;
  remember<T>(key: unknown, work: () => Promise<T>): Promise<T>;
  save(): Promise<void>;
}

/** Raised when the same key gives another value. */
const version = 1;

export function factCache(folder?: string): FactCache {
  const file = folder === undefined ? undefined : join(folder, 'facts.json');
  const learnt: Record<string, unknown> = {};
  let stored: Promise<Record<string, unknown>> | undefined;
  return {
    folder,
    async remember<T>(key: unknown, work: () => Promise<T>): Promise<T> {
      const name = sha256(canonicalJson({ version, key })).slice(0, 32);
      stored ??= load(file);
      const known = learnt[name] ?? (await stored)[name];
      if (known !== undefined) return known as T;
      const value = await work();
      learnt[name] = value;
      return value;
    },
    async save() {
      if (file === undefined || Object.keys(learnt).length === 0) return;
      await writeJsonAtomic(file, { ...(await load(file)), ...learnt });
    },
  };
}

async function load(file: string | undefined): Promise<Record<string, unknown>> {
  return (file && (await readJsonIfThere<Record<string, unknown>>(file).catch(() => undefined))) || {};
}

/** `.strata/cache` beside an experiment, made so that version control leaves `.strata` out. */
export async function makeCacheFolder(strata: string): Promise<string> {
  await privateFolder(strata);
  await createOnce(join(strata, '.gitignore'), '*\n');
  return privateFolder(join(strata, 'cache'));
}
