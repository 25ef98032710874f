import { layout } from '../record/layout.ts';
import { type KeepSamples, loadRunData, readEvents } from '../record/read.ts';
import { readRecord } from '../record/snapshot.ts';
import type { SampleRecord, TensorProofs } from '../record/types.ts';
import type { ComparedRun } from './types.ts';

/** Reads everything a comparison needs of one run directory. */
export async function loadComparedRun(folder: string, keep?: KeepSamples): Promise<ComparedRun> {
  const [data, events, tensors] = await Promise.all([
    loadRunData(folder, keep),
    readEvents(folder),
    readRecord<TensorProofs>(folder, layout.tensors),
  ]);
  const identity = events.findLast((e) => e.type === 'proof' && e.proof === 'identity');
  const kept = events.findLast((e) => e.type === 'kept');
  const precision = events.findLast((e) => e.type === 'precision');
  return {
    ...data,
    ...(tensors && { tensors }),
    ...(kept && { kept: { task: kept.task, step: kept.step, metric: kept.metric, value: kept.value } }),
    ...(precision && {
      precision: {
        kind: precision.kind,
        tokens: precision.tokens,
        stored: precision.stored,
        lowered: precision.lowered,
      },
    }),
    ...(identity?.type === 'proof' && { identity: { state: identity.state, detail: identity.detail } }),
  };
}

/** Fields of a record that are texts, or as many numbers as a document has choices: for reading, not for statistics. */
const texts = new Set([
  'context',
  'contexts',
  'continuations',
  'loglikelihoods',
  'is_greedy',
  'target',
  'generated',
  'filtered',
]);

/**
 * Loads the runs of a comparison so that sixty of them hold little more than their numbers: texts are kept of the first run of
 * each arm, from which flipped documents are shown, and hashes that runs have in common are kept once.
 */
export function sharingLoader(): (folder: string) => Promise<ComparedRun> {
  const seen = new Set<string>();
  const hashes = new Map<string, string>();
  const share = (hash: string): string => {
    const known = hashes.get(hash);
    if (known === undefined) hashes.set(hash, hash);
    return known ?? hash;
  };
  const keep: KeepSamples = ({ request }, task, samples) => {
    const key = JSON.stringify([request.arm, task]);
    const first = !seen.has(key);
    if (samples.length > 0) seen.add(key);
    return samples.map((sample) => compact(sample, first, share));
  };
  return (folder) => loadComparedRun(folder, keep);
}

function compact(sample: SampleRecord, withTexts: boolean, share: (hash: string) => string): SampleRecord {
  const kept: SampleRecord = { doc_id: sample.doc_id, prompt_hash: share(sample.prompt_hash) };
  if (sample.target_hash !== undefined) kept.target_hash = share(sample.target_hash);
  for (const key in sample) if (!(key in kept) && (withTexts || !texts.has(key))) kept[key] = sample[key];
  return kept;
}
