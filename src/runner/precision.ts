import type { Rows, TrainingData } from '../data/types.ts';
import { deviceRow } from '../device/devices.ts';
import { createScorer } from '../engine/scorer.ts';
import type { Model } from '../model/types.ts';
import type { Context } from './context.ts';

/** Rows that the loss is measured on, at most. */
const most = 4;

/**
 * Says what the lower precision of frozen weights costs before anything is trained: nats per token on the first rows of the
 * training, with the weights as they are stored and as they are computed with.
 */
export async function measurePrecision(context: Context, model: Model, data: TrainingData): Promise<void> {
  const { basePrecision, ...stored } = model;
  const rows = data.batch(0);
  const [before, after] = [await nats(context, stored, rows), await nats(context, model, rows)];
  context.writer.event({ type: 'precision', kind: basePrecision!.kind, ...before, lowered: after.stored });
}

async function nats({ request, spec }: Context, model: Model, { rows, sequence, ids }: Rows) {
  const scorer = await createScorer(model, { threads: request.threads, device: deviceRow(spec.device) });
  try {
    const requests = Array.from({ length: Math.min(most, rows) }, (_, row) => {
      const all = [...ids.subarray(row * sequence, (row + 1) * sequence)];
      return { context: all.slice(0, 1), continuation: all.slice(1) };
    });
    const scores = await scorer.score(requests);
    const tokens = requests.reduce((sum, { continuation }) => sum + continuation.length, 0);
    return { tokens, stored: -scores.reduce((sum, { loglikelihood }) => sum + loglikelihood, 0) / tokens };
  } finally {
    await scorer.dispose();
  }
}
