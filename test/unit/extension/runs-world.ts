import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEntry } from '../../../src/extension/runs/entry.ts';
import { layout } from '../../../src/record/layout.ts';
import { request, spec } from '../record/support.ts';

/** One run of the experiment `demo` as the index has it. */
export function entry(more: Partial<RunEntry> & { id: string }): RunEntry {
  return {
    folder: `/x/.strata/runs/${more.id}`,
    experiment: { file: '/x/demo.strata.yaml', stem: 'demo' },
    arm: 's',
    seed: 1,
    state: 'succeeded',
    attempts: 1,
    asked: 1000,
    order: 0,
    values: [],
    modelled: true,
    ...more,
  };
}

/** Writes a run directory whose only attempt has ended. */
export async function writeEnded(
  runs: string,
  id: string,
  more: { arm?: string; seed?: number; stem?: string; outcome?: string; reason?: string } = {},
): Promise<string> {
  const { arm = 's', seed = 1, stem = 'demo', outcome = 'succeeded', reason } = more;
  const folder = join(runs, id);
  await mkdir(folder, { recursive: true });
  const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
  await write(layout.spec, { ...spec, seed });
  await write(layout.place, { kind: 'local' });
  const experiment = { file: `/x/${stem}.strata.yaml`, stem };
  await write(layout.request(0), request(0, { arm, seed, experiment }));
  await write(layout.exit(0), { outcome, ...(reason && { reason }), by: 'supervisor', time: 5000 });
  await write(layout.scores, {
    recall: { acc: { value: 0.75, stderr: 0.1, n: 20 }, acc_norm: { value: 0.5, stderr: 0.1, n: 20 } },
  });
  return folder;
}
