import { basename } from 'node:path';
import { canonicalJson } from '../base/hash.ts';
import type { CorpusIdentity } from '../plan/types.ts';
import type { Group } from './groups.ts';
import type { ComparedRun } from './types.ts';

/** A corpus as people know it: its files; the hash tells apart files of one name. */
function corpusName(corpus: CorpusIdentity, files: readonly string[] | undefined): string {
  const names = [...new Set((files ?? []).map((f) => basename(f)))];
  return `${names.join(' ') || corpus.kind} (${corpus.hash.slice(0, 8)})`;
}

/** What a run trains with, flat: key → value as text. */
function settings({ run }: ComparedRun): Map<string, string> {
  const { training, device } = run.spec;
  const flat = new Map<string, string>([['device', device]]);
  if (!training) return flat;
  const { corpus, replay, distill, ...rest } = training;
  flat.set('corpus', corpusName(corpus, run.request.sources.corpus));
  flat.set('replay', replay ? `${replay.share} ${corpusName(replay.corpus, run.request.sources.replay)}` : 'none');
  flat.set(
    'distill',
    distill ? `${distill.weight} ${corpusName(distill.corpus, run.request.sources.distill)}` : 'none',
  );
  for (const [key, value] of Object.entries(rest)) {
    if (value !== undefined) flat.set(key, typeof value === 'string' ? value : canonicalJson(value));
  }
  return flat;
}

/** Keys that differ between trained arms, with each arm's value; by design §4, reports show what differs. */
export function trainingDifferences(groups: readonly Group[]): { key: string; values: Record<string, string> }[] {
  const trained = groups.flatMap(({ arm, runs }) => {
    const run = runs.find((r) => r.run.spec.training);
    return run ? [{ arm, settings: settings(run) }] : [];
  });
  const keys = [...new Set(trained.flatMap((t) => [...t.settings.keys()]))];
  return keys.flatMap((key) => {
    const values = trained.map(({ arm, settings: own }) => [arm, own.get(key) ?? 'unset'] as const);
    return new Set(values.map(([, value]) => value)).size > 1 ? [{ key, values: Object.fromEntries(values) }] : [];
  });
}

/** Sentences about what makes runs of one comparison less comparable than they look. */
export function runNotes(groups: readonly Group[]): string[] {
  const all = groups.flatMap((g) => g.runs);
  const runs = all.filter((r) => !r.source);
  const distinct = (of: (run: ComparedRun) => string) => [...new Set(runs.map(of))];
  const notes = all.flatMap(({ run, source }) =>
    source
      ? [
          `${run.request.arm}: read from ${source.path}, made by ${source.program}. Nothing of it is proven here; documents are paired where prompt and target are the same.`,
        ]
      : [],
  );
  const models = distinct((r) => r.run.spec.model.slice(0, 8));
  if (models.length > 1)
    notes.push(`The runs start from ${models.length} different base models (${models.join(', ')}).`);
  const devices = distinct((r) => r.run.spec.device);
  if (devices.length > 1) notes.push(`The runs were computed on different devices: ${devices.join(', ')}.`);
  const versions = distinct((r) => r.run.request.version);
  if (versions.length > 1) notes.push(`The runs were made by different versions of Strata: ${versions.join(', ')}.`);
  const semantics = distinct((r) => String(r.run.spec.engine_semantics));
  if (semantics.length > 1)
    notes.push('The runs follow different engine semantics, so equal settings give other weights.');
  return notes;
}
