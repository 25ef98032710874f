import { t } from '../../src/base/translate.ts';
import type { Comparison, Contrast, DocumentText } from '../../src/report/types.ts';
import { metricName } from '../../src/report/words.ts';

/** A contrast whose documents can be read. */
export interface FlipChoice {
  key: string;
  label: string;
  contrast: Contrast;
}

export interface Flips {
  contrast: Contrast;
  gained: { all: number; shown: DocumentText[] };
  lost: { all: number; shown: DocumentText[] };
}

export const flipKey = (c: Contrast): string => `${c.arm} against ${c.against} on ${metricName(c)}`;

/** Contrasts with documents that one arm answers and the other does not. */
export function flipChoices({ contrasts }: Comparison): FlipChoice[] {
  return contrasts.flatMap((contrast) => {
    const { gained, lost } = contrast.flips ?? { gained: [], lost: [] };
    if (gained.length + lost.length === 0) return [];
    const label = t('{0}: {1} gained, {2} lost', flipKey(contrast), gained.length, lost.length);
    return [{ key: flipKey(contrast), label, contrast }];
  });
}

/** The documents of one contrast, as many as the comparison holds texts of. */
export function flipsOf({ documents }: Comparison, { contrast }: FlipChoice): Flips {
  const texts = new Map((documents[contrast.task] ?? []).map((d) => [d.doc, d]));
  const side = (ids: readonly number[]) => ({ all: ids.length, shown: ids.flatMap((id) => texts.get(id) ?? []) });
  return { contrast, gained: side(contrast.flips?.gained ?? []), lost: side(contrast.flips?.lost ?? []) };
}
