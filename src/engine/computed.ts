import { join } from 'node:path';
import { userCacheFolder } from '../base/user-cache.ts';
import { atBasePrecision } from '../model/base-precision.ts';
import type { Model } from '../model/types.ts';

/** The model whose weights are computed with: training, scores and text of one model all see the same. */
export function computedModel(model: Model): Promise<Model> {
  return atBasePrecision(model, join(userCacheFolder(), 'weights'));
}
