import { isLinearWeight } from '../../src/model/names.ts';
import { keptLayers, openModel } from '../../src/model/open.ts';
import { planStack } from '../../src/model/surgery.ts';
import type { Surgery } from '../../src/model/types.ts';
import type { StoredWeights, Trained } from '../../src/plan/cost.ts';
import { type Stack, stackOf } from '../../src/plan/selectors.ts';
import type { TrainingShape } from '../../src/plan/types.ts';

export interface LargeCase {
  what: string;
  shape: TrainingShape;
  surgery: Surgery;
  rank?: number;
  lowered?: 'int4';
  /** Bytes that it is to stay within. */
  limit: number;
}

const shape = { steps: 2, batch: 1, microBatch: 1, sequence: 512, recompute: false, distilled: false };
const gib = 2 ** 30;

export const largeCases: Record<string, LargeCase> = {
  lora: { what: 'LoRA of rank 8 on all linear modules', shape, surgery: {}, rank: 8, limit: 8 * gib },
  loraInt4: {
    what: 'LoRA of rank 8 on a base in int4, recomputed',
    shape: { ...shape, recompute: true },
    surgery: {},
    rank: 8,
    lowered: 'int4',
    limit: 4 * gib,
  },
  blocks: {
    what: 'S: two new blocks, only they are trained',
    shape,
    surgery: { expand: { after: [5, 11], init: 'average', identity: true } },
    limit: 10 * gib,
  },
};

export async function largeStack({ surgery }: LargeCase, folder: string): Promise<Stack> {
  const { config } = await openModel(folder);
  if (!surgery.expand) return stackOf(config, keptLayers(config.layers));
  const planned = planStack(config, surgery);
  return stackOf(planned.config, planned.layers);
}

export function largeTrained({ rank }: LargeCase, stack: Stack): Trained {
  if (rank === undefined) {
    const fresh = new Set(stack.layers.flatMap((layer, i) => (layer.kind === 'new' ? [i] : [])));
    return { names: new Set(stack.tensors.filter((t) => fresh.has(t.layer ?? -1)).map((t) => t.name)) };
  }
  const weights = stack.tensors.map((t) => t.name).filter(isLinearWeight);
  return { names: new Set(), lora: { rank, weights } };
}

export function largeWeights({ lowered }: LargeCase): StoredWeights {
  return { dtype: 'bfloat16', bytes: 2, ...(lowered && { lowered }) };
}
