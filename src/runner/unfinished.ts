import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { layout } from '../record/layout.ts';

/** What a worker writes beside its target before a rename. The supervisor's records in the same folder are not among them. */
const own = /^\.?(start|model|tensors|scores|evaluated|importance)\..*part$/;

/** Removes what a killed worker left half written. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (own.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
  for (const inner of [layout.checkpoint, layout.samples, layout.superseded]) {
    const names = await readdir(join(folder, inner), { recursive: true }).catch(() => []);
    for (const name of names) if (name.endsWith('.part')) await rm(join(folder, inner, name), { force: true });
  }
}
