import { join } from 'node:path';
import { hashCache } from '../base/hash-cache.ts';
import type { Experiment } from '../experiment/types.ts';
import { knownHash } from '../model/hash.ts';
import type { Model } from '../model/types.ts';
import { answersAnalysis } from '../plan/analysis.ts';
import type { Facts } from '../plan/types.ts';
import { type Measurement, measurementsOf, measurementsOfModel, type Standing } from './importance.ts';

/** What was measured of the layers of an experiment's model. */
export type Measured = (Measurement & { standing: Standing })[];

/** A plan's facts, with what was measured of the model: for suggestions, and for arms that wait for an analysis. */
export interface KnownFacts extends Facts {
  measured?: Measured;
}

/**
 * What was measured of a model in some `.strata` folders. Reads records only: weights are not hashed for it, so it is not known
 * of files that changed since they were hashed last.
 */
export async function readMeasured(strataFolders: readonly string[], model: Model): Promise<Measured> {
  const found: Measured = [];
  for (const folder of strataFolders) {
    const all = await measurementsOf(folder);
    if (all.length === 0) continue;
    const hash = await knownHash(model, hashCache(join(folder, 'cache', 'hashes.json')));
    found.push(...measurementsOfModel(all, { folder: model.folder, hash, layers: model.config.layers }));
  }
  return found;
}

/** The newest that is not known to be of another model. */
export function trusted(measured: Measured = []): Measured[number] | undefined {
  return measured.find(({ standing }) => standing !== 'stale');
}

/** With the importance that the experiment's own analysis measured, where it asks for the same as then. */
export function withImportance(facts: KnownFacts | undefined, draft: Experiment): KnownFacts | undefined {
  const { analysis, stem } = draft;
  if (!facts || !analysis || facts.importance) return facts;
  const own = (facts.measured ?? []).find(
    (m) => m.standing === 'current' && m.stem === stem && answersAnalysis(analysis, m.spec),
  );
  return own ? { ...facts, importance: own.importance } : facts;
}
