import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonIfThere } from '../../base/files.ts';
import { isArrayOf, isNumber, isObject, isRecordOf, optional } from '../../base/guards.ts';
import { fail } from '../../base/problem.ts';
import type { ImportanceFacts } from '../types.ts';

const isImportance = isObject({
  metrics: isRecordOf(isArrayOf(isNumber)),
  blocks: optional(isArrayOf(isArrayOf(isNumber))),
});

function damaged(place: string, error?: unknown): never {
  if (error !== undefined && !(error instanceof SyntaxError)) throw error;
  fail('run-damaged', `${place} does not hold one value a layer for each metric.`, {
    place,
    remedy: 'The file was changed or the disk lost it: remove the analysis run, and run it again.',
  });
}

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
    const place = join(runsFolder, name, 'importance.json');
    const found = await readJsonIfThere<unknown>(place).catch((error: unknown) => damaged(place, error));
    if (found === undefined) continue;
    if (!isImportance(found)) return damaged(place);
    return { metrics: found.metrics, ...(found.blocks && { blocks: found.blocks }) };
  }
  return undefined;
}
