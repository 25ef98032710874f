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
  const before = await lossOn(context, stored, rows);
  const after = await lossOn(context, model, rows);
  const { tokens } = before;
  context.writer.event({
    type: 'precision',
    kind: basePrecision!.kind,
    tokens,
    stored: before.nats,
    lowered: after.nats,
  });
}

/** Nats per token on the first rows, and how many tokens that were. */
async function lossOn({ request, spec }: Context, model: Model, { rows, sequence, ids }: Rows) {
  const scorer = await createScorer(model, { threads: request.threads, device: deviceRow(spec.device) });
  try {
    const requests = Array.from({ length: Math.min(most, rows) }, (_, row) => {
      const all = [...ids.subarray(row * sequence, (row + 1) * sequence)];
      return { context: all.slice(0, 1), continuation: all.slice(1) };
    });
    const scores = await scorer.likelihoods(requests);
    const tokens = requests.reduce((sum, { continuation }) => sum + continuation.length, 0);
    return { tokens, nats: -scores.reduce((sum, { loglikelihood }) => sum + loglikelihood, 0) / tokens };
  } finally {
    await scorer.dispose();
  }
}
