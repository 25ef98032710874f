import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRun } from '../../../src/record/create.ts';
import type { ImportanceRecord } from '../../../src/record/importance.ts';
import { home, layout } from '../../../src/record/layout.ts';

interface Made {
  /** Folder of the model, and its hash. */
  model: string;
  hash: string;
  asked: number;
  layers?: number;
  /** What the records are to say otherwise. */
  importance?: Partial<ImportanceRecord>;
}

/** A finished analysis of an experiment `x` whose records are made up. Returns its run directory. */
export async function analysis(
  strata: string,
  id: string,
  { model, hash, asked, layers = 4, importance: change }: Made,
): Promise<string> {
  const { runs } = home(strata);
  const corpora = [{ name: 'general', corpus: { hash: 'c', kind: 'text' as const } }];
  const spec = {
    engine_semantics: 1,
    model: hash,
    surgery: {},
    trained: [],
    analysis: { metrics: ['angular'], tokens: 64, corpora, tasks: [] },
    device: 'cpu' as const,
  };
  const request = { attempt: 0, experiment: { file: 'x', stem: 'x' }, arm: 'analysis', hash: 'h', sources: { model } };
  const more = { tasks: [], threads: 1, version: '0', asked, order: 0, stages: [] };
  assert.ok(await createRun(home(strata), id, { spec, place: { kind: 'local' }, request: { ...request, ...more } }));
  const record: ImportanceRecord = {
    strata_importance: 1,
    model: hash,
    corpus: 'general',
    documents: 1,
    tokens: 64,
    nll: 1,
    layers,
    metrics: { angular: Array.from({ length: layers }, (_, i) => asked + i) },
    intervals: {},
    ...change,
  };
  await writeFile(join(runs, id, layout.importance), JSON.stringify(record));
  return join(runs, id);
}
