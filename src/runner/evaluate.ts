import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomic, writeJsonAtomic } from '../base/files.ts';
import type { TaskResult } from '../evaluate/types.ts';
import { openModel } from '../model/open.ts';
import type { TaskRequest } from '../plan/types.ts';
import { layout, samplesFile } from '../record/layout.ts';
import { readEvaluated, readMetrics } from '../record/read.ts';
import { readRecord } from '../record/snapshot.ts';
import type { Evaluated, Scores } from '../record/types.ts';
import { type Context, goOnWriting, stopHere } from './context.ts';
import { openEvaluation } from './evaluation.ts';
import { openBase } from './surgery.ts';

/** Evaluates the finished model on every task whose results are not there yet. Each task is written whole, one by one. */
export async function evaluateStage(context: Context): Promise<void> {
  const { folder, request } = context;
  const evaluated = await readEvaluated(folder);
  const missing = request.tasks.filter(({ name, hash }) => evaluated[name] !== hash);
  if (missing.length === 0) return;
  for (const task of missing) await supersede(folder, task, evaluated);
  await openBase(context);
  const model = await openModel(join(folder, layout.model));
  const evaluation = await openEvaluation(context, model, 'evaluate');
  try {
    for (const task of missing) {
      stopHere(context);
      const result = await evaluation.evaluate(task);
      await context.guard.check();
      goOnWriting(context);
      await save(context, task, result);
    }
  } finally {
    await evaluation.dispose();
  }
}

/** Samples first, then scores, then the hash that makes them count: a task cut off in between is evaluated again. */
async function save(context: Context, task: TaskRequest, { scores, samples }: TaskResult): Promise<void> {
  const { folder, spec, writer } = context;
  const file = join(folder, samplesFile(task.name));
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeAtomic(file, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
  const all = (await readRecord<Scores>(folder, layout.scores)) ?? {};
  await writeJsonAtomic(join(folder, layout.scores), { ...all, [task.name]: scores });
  // The curve of an arm that was evaluated on its way ends here; where the best weights were kept, it has its end already.
  const step = spec.training?.keep ? undefined : spec.training?.steps;
  if (step !== undefined) {
    const { curve } = await readMetrics(folder);
    const there = new Set(curve.filter((r) => r.step === step && r.task === task.name).map((r) => r.metric));
    for (const [metric, { value }] of Object.entries(scores)) {
      if (!there.has(metric)) writer.score({ step, task: task.name, metric, value });
    }
  }
  await writeJsonAtomic(join(folder, layout.evaluated), { ...(await readEvaluated(folder)), [task.name]: task.hash });
}

/** Moves the results of a task that was changed under its name out of the way, with the hash of what they answered. */
async function supersede(folder: string, task: TaskRequest, evaluated: Evaluated): Promise<void> {
  const old = evaluated[task.name];
  if (old === undefined || old === task.hash) return;
  const target = join(folder, layout.superseded, old.slice(0, 8));
  await mkdir(target, { recursive: true, mode: 0o700 });
  const scores = (await readRecord<Scores>(folder, layout.scores)) ?? {};
  const { [task.name]: ours, ...others } = scores;
  const samples = samplesFile(task.name);
  const name = samples.slice(dirname(samples).length + 1);
  if (ours) await writeJsonAtomic(join(target, name.replace(/jsonl$/, 'scores.json')), { [task.name]: ours });
  await rename(join(folder, samples), join(target, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await writeJsonAtomic(join(folder, layout.scores), others);
  const { [task.name]: _, ...rest } = await readEvaluated(folder);
  await writeJsonAtomic(join(folder, layout.evaluated), rest);
}
