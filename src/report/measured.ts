import { basename, dirname, join } from 'node:path';
import { attempt } from '../base/problem.ts';
import { idOfSnapshot } from '../model/hub.ts';
import type { RunPlan } from '../plan/types.ts';
import { type Measurement, measurementsOf, readImportance } from '../record/importance.ts';
import { readRun } from '../record/read.ts';
import type { Run } from '../record/types.ts';
import type { MeasuredModel } from './types.ts';

/**
 * What else was measured beside an experiment on the corpus of its analysis: models of its arms, of other sizes, other
 * checkpoints. The newest of each model, oldest model first.
 */
export async function measuredBeside(strataFolder: string, analysis: RunPlan): Promise<MeasuredModel[]> {
  const corpus = corpusOf(analysis.spec.analysis);
  const models = new Set([analysis.spec.model]);
  const others: Measurement[] = [];
  for (const measured of await measurementsOf(strataFolder)) {
    if (models.has(measured.importance.model) || corpusOf(measured.spec) !== corpus) continue;
    models.add(measured.importance.model);
    others.push(measured);
  }
  return named(others.reverse());
}

/** Runs of analyses that were chosen to be drawn beside each other, oldest first; one that has not finished has nothing to draw. */
export async function measuredIn(runs: readonly Run[]): Promise<MeasuredModel[]> {
  const found: Pick<Measurement, 'model' | 'stem' | 'importance'>[] = [];
  for (const { folder, request } of [...runs].sort((a, b) => a.request.asked - b.request.asked)) {
    const importance = await readImportance(folder);
    if (importance) found.push({ model: request.sources.model, stem: request.experiment.stem, importance });
  }
  return named(found);
}

/** The corpus that ranks, by content. */
const corpusOf = (analysis: Measurement['spec'] | undefined): string | undefined => analysis?.corpora[0]?.corpus.hash;

/** Names that tell the models apart: by arm or folder, with seed or experiment where these are the same. */
async function named(
  measured: readonly Pick<Measurement, 'model' | 'stem' | 'importance'>[],
): Promise<MeasuredModel[]> {
  const known = await Promise.all(
    measured.map(async ({ model, stem, importance }) => ({ ...(await nameOf(model)), stem, importance })),
  );
  const several = <T>(of: (one: (typeof known)[number]) => T, one: (typeof known)[number]) =>
    known.filter((other) => of(other) === of(one)).length > 1;
  return known.map((one) => {
    const { short, long, arm, stem, importance } = one;
    const own = several((k) => k.short, one) ? long : short;
    const name = several((k) => (several((o) => o.short, k) ? k.long : k.short), one) ? `${own}, ${stem}` : own;
    return { name, ...(arm !== undefined && { arm }), importance };
  });
}

/** A run is called as its arm, a snapshot by its id, any other model as its folder. */
async function nameOf(model: string): Promise<{ short: string; long: string; arm?: string }> {
  const folder = basename(model) === 'model' ? dirname(model) : model;
  const run = await attempt(() => readRun(folder));
  if (run.ok) {
    const { arm, seed, experiment } = run.value.request;
    return { short: arm, long: seed === undefined ? `${experiment.stem}/${arm}` : `${arm}, seed ${seed}`, arm };
  }
  const id = idOfSnapshot(model);
  const short = id ?? basename(model);
  return { short, long: id ?? join(basename(dirname(model)), basename(model)) };
}
