import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonIfThere } from '../../base/files.ts';
import type { ImportanceFacts } from '../types.ts';

/**
 * What a finished analysis measured: `importance.json` of the newest version (`id`, `id-2` … by `run --fresh`) of its run beside
 * the experiment. Undefined while there is none.
 */
export async function gatherImportance(runsFolder: string, id: string): Promise<ImportanceFacts | undefined> {
  const pattern = new RegExp(`^${id}(?:-(\\d+))?$`);
  const versions = (await readdir(runsFolder).catch(() => [] as string[])).flatMap((name) => {
    const match = pattern.exec(name);
    return match ? [{ name, version: Number(match[1] ?? 1) }] : [];
  });
  versions.sort((a, b) => b.version - a.version);
  for (const { name } of versions) {
    const found = await readJsonIfThere<ImportanceFacts>(join(runsFolder, name, 'importance.json'));
    if (found) return { metrics: found.metrics, ...(found.blocks && { blocks: found.blocks }) };
  }
  return undefined;
}
