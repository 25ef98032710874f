import { chmod, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists, writeAtomic } from '../../base/files.ts';
import { sha256File } from '../../base/hash.ts';
import { fail } from '../../base/problem.ts';
import { exportAdapter, exportFolder } from '../../model/export.ts';
import { idOfSnapshot } from '../../model/hub.ts';
import { openModel } from '../../model/open.ts';
import type { Dtype } from '../../model/types.ts';
import { layout } from '../../record/layout.ts';
import { type ModelCardInput, modelCard } from '../../report/evidence/model-card.ts';
import { loadComparedRun } from '../../report/load.ts';
import { interruptible } from '../interruptible.ts';
import { modelFolder } from '../model-argument.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

/** Dtypes that weights can be exported in, by the name that transformers gives them. */
const dtypes: Record<string, Dtype> = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' };

/** A complete Hugging Face folder of a run or model, LoRA merged; or only the PEFT adapter. */
export const exportVerb: Verb = {
  name: 'export',
  summary: 'write a run as a complete Hugging Face folder (LoRA merged) with a model card, or its PEFT adapter',
  configure(command) {
    command
      .argument('<run>', 'run, folder, or an id in the local Hugging Face cache')
      .argument('<out>', 'folder to be written; must not exist')
      .option('--dtype <dtype>', `dtype of all weights: ${Object.keys(dtypes).join(', ')} (default: as stored)`)
      .option('--adapter', 'only the LoRA adapter, for PEFT');
  },
  async run(io, [argument = '', out = ''], options) {
    const wanted = options['dtype'];
    const dtype = typeof wanted === 'string' && Object.hasOwn(dtypes, wanted) ? dtypes[wanted] : undefined;
    if (wanted !== undefined && dtype === undefined)
      fail('usage-dtype', `--dtype ${String(wanted)} is unknown.`, {
        remedy: `It is one of ${Object.keys(dtypes).join(', ')}.`,
      });
    const adapter = options['adapter'] === true;
    if (adapter && dtype)
      fail('usage-dtype', 'An adapter is always written in float32.', { remedy: 'Leave out --dtype.' });
    const folder = await modelFolder(argument, io.cwd);
    const model = await openModel(folder);
    const target = resolve(io.cwd, out);
    const progress = createProgress(io, { unit: 'bytes' });
    const finished = await interruptible(
      (signal) => (adapter ? exportAdapter(model, target) : exportFolder(model, target, { dtype, progress, signal })),
      progress,
    );
    if (!finished) return 130;
    if (await exists(join(folder, layout.spec)))
      await writeCard(folder, target, { adapter, ...(typeof wanted === 'string' && { dtype: wanted }) });
    if (adapter && model.changed.length > 0)
      io.err(
        `warning: beside the adapter, ${model.changed.length} tensors of this run differ from the base, so the adapter fits the run's own weights, not the base's.`,
      );
    if (io.json) io.out(JSON.stringify({ folder: target, adapter }));
    else io.out(target);
    return 0;
  },
};

/** README.md of an exported run: what was done, what proves it, what was measured, and the hashes of what was written. */
async function writeCard(
  runFolder: string,
  target: string,
  how: Pick<ModelCardInput, 'adapter' | 'dtype'>,
): Promise<void> {
  const run = await loadComparedRun(runFolder);
  const names = (await readdir(target)).filter((name) => name.endsWith('.safetensors')).sort();
  const files: ModelCardInput['files'][number][] = [];
  for (const name of names) {
    const path = join(target, name);
    files.push({ name, bytes: (await stat(path)).size, sha256: await sha256File(path) });
  }
  const baseId = idOfSnapshot(run.run.request.sources.model);
  const path = join(target, 'README.md');
  await writeAtomic(path, modelCard({ run, files, ...how, ...(baseId !== undefined && { baseId }) }));
  // As readable as the rest of an export.
  await chmod(path, 0o666 & ~process.umask());
}
