import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Format } from './mutate.ts';

/** One reader of files that come from outside, as the fuzzer sees it. */
export interface Reader {
  /** As it is chosen with `--reader`. */
  name: string;
  /** Writes valid files, once; `read` accepts them. */
  seed(folder: string): Promise<void>;
  /** The files that are changed, one at a time. */
  targets: readonly { file: string; format: Format }[];
  /** Reads everything that can be read of them, as the program does. May fail with a `Failure` only. */
  read(folder: string): Promise<unknown>;
}

/** Writes files by their paths under `folder`: text, bytes, or a value as JSON. */
export async function writeAll(folder: string, files: Record<string, unknown>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const raw = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(path, raw ? content : JSON.stringify(content));
  }
}

/** JSON lines. */
export const lines = (records: readonly unknown[]): string => records.map((r) => `${JSON.stringify(r)}\n`).join('');

/** Works on each of the names on its own: what one of them refuses does not hide what another would do. */
export async function each<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  let refused: unknown;
  for (const one of all) {
    try {
      await work(one);
    } catch (error) {
      // A defect goes before a refusal.
      if (!(error instanceof Error) || error.name !== 'Failure') throw error;
      refused ??= error;
    }
  }
  if (refused) throw refused;
}
