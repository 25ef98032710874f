import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../base/files.ts';
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
