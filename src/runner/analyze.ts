import { join } from 'node:path';
import { analyze } from '../analyze/analyze.ts';
import { writeJsonAtomic } from '../base/files.ts';
import { deviceRow } from '../device/devices.ts';
import { layout } from '../record/layout.ts';
import { type Context, stageProgress } from './context.ts';
import { holdCorpus, holdTask, tokenizerOf } from './inputs.ts';
import { openBase } from './surgery.ts';

/** Folder of the cache in which finished parts of analyses are kept. */
const journals = 'analyses';

/** Measures the layers of the base. `importance.json` is written last and ends the run; what was cut off goes on from its journal. */
export async function analyzeStage(context: Context): Promise<void> {
  const { folder, spec, request } = context;
  const { metrics, tokens, corpora } = spec.analysis!;
  const files = request.sources.analysis ?? [];
  const model = await openBase(context);
  for (const [i, { corpus }] of corpora.entries()) await holdCorpus(corpus, files[i] ?? [], model);
  for (const task of request.tasks) await holdTask(task, model);
  const importance = await analyze(
    {
      metrics,
      tokens,
      corpora: corpora.map(({ name, corpus }, i) => ({ name, files: files[i] ?? [], source: corpus })),
      tasks: request.tasks,
    },
    {
      model,
      modelHash: spec.model,
      tokenizer: await tokenizerOf(model),
      threads: request.threads,
      device: deviceRow(spec.device),
      journalFolder: join(context.cacheFolder, journals),
      progress: stageProgress(context, 'analyze'),
    },
  );
  await context.guard.check();
  await writeJsonAtomic(join(folder, layout.importance), importance);
}
