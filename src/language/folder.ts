import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, readJsonIfThere } from '../base/files.ts';
import { attempt } from '../base/problem.ts';
import { parseConfig } from '../model/config.ts';
import { cachedModels } from '../model/hub.ts';
import type { PathEntry } from './complete.ts';

/** Entries that are looked at: nobody chooses from more. */
const most = 500;

/** What a folder holds, with models marked; [] if it cannot be read. */
export async function readFolder(folder: string): Promise<PathEntry[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return Promise.all(
    entries.slice(0, most).map(async (entry): Promise<PathEntry> => {
      if (!entry.isDirectory() && !entry.isSymbolicLink()) return { name: entry.name, kind: 'file' };
      const inside = join(folder, entry.name);
      const model = (await exists(join(inside, 'config.json'))) || (await exists(join(inside, 'adapter_config.json')));
      const isFolder =
        entry.isDirectory() ||
        (await readdir(inside).then(
          () => true,
          () => false,
        ));
      return { name: entry.name, kind: isFolder ? 'folder' : 'file', ...(model && { model }) };
    }),
  );
}

/** Models of the local Hugging Face cache that can be read, by id. Reads configs only, and only what is there. */
export async function cachedEntries(env: NodeJS.ProcessEnv = process.env): Promise<PathEntry[]> {
  const found = await Promise.all(
    (await cachedModels(env)).slice(0, most).map(async ({ id, folder }): Promise<PathEntry[]> => {
      const read = await attempt(async () => {
        const raw = await readJsonIfThere<Record<string, unknown>>(join(folder, 'config.json')).catch(() => undefined);
        return raw && parseConfig(raw);
      });
      // Datasets, encoders and families that are not carried out would only be refused.
      if (!read.ok || !read.value) return [];
      const { family, layers } = read.value;
      return [
        {
          name: id,
          kind: 'folder',
          model: true,
          id: { detail: `${family}, ${layers} layers, in the Hugging Face cache` },
        },
      ];
    }),
  );
  return found.flat();
}
