import { mcnemarTest } from '../statistics/exact.ts';
import { holm } from '../statistics/holm.ts';
import type { Resampled, Side } from './effects.ts';
import type { Contrast } from './types.ts';
import { minimumDocuments } from './verdict.ts';

/** Documents that change sides between right and wrong, by the majority of seeds; undefined for values other than 0 and 1. */
export function flipsOf(documents: readonly number[], sides: readonly Side[]): Contrast['flips'] {
  const yesNo = sides.every((s) => [s.a, s.b].every((c) => c.numerators.every((v) => v === 0 || v === 1)));
  if (!yesNo) return undefined;
  const rights = (side: 'a' | 'b', i: number) => sides.reduce((n, s) => n + s[side].numerators[i]!, 0) / sides.length;
  const flips = { gained: [] as number[], lost: [] as number[] };
  for (const [i, doc] of documents.entries()) {
    const [arm, against] = [rights('a', i), rights('b', i)];
    if (arm > 0.5 && against < 0.5) flips.gained.push(doc);
    if (arm < 0.5 && against > 0.5) flips.lost.push(doc);
  }
  return flips;
}

/**
 * The tests that a verdict rests on, and its p-value. Flips of one seed are independent documents, for which the exact test
 * holds; it must then agree with the interval, so that the larger p-value counts (intersection-union test, Berger 1982).
 */
export function addTests(contrast: Contrast, { documents, joint }: Resampled): void {
  const { flips, seeds } = contrast;
  if (flips && seeds.length < 2) {
    const p = mcnemarTest(flips.gained.length, flips.lost.length);
    contrast.mcnemar = { p, adjusted: p };
  }
  if (contrast.documents < minimumDocuments) return;
  const over = `over ${contrast.documents} documents`;
  const accelerated = documents.method === 'BCa bootstrap' ? ' (BCa)' : '';
  const tests = [
    ...(contrast.mcnemar ? [{ test: 'exact McNemar test', p: contrast.mcnemar.p }] : []),
    joint
      ? { test: `cluster bootstrap ${over}${accelerated} and ${seeds.length} seeds`, p: joint.p }
      : { test: `${documents.method} ${over}`, p: documents.p },
  ];
  contrast.tests = tests.map(({ test }) => test);
  const largest = tests.reduce((a, b) => (b.p > a.p ? b : a));
  contrast.significance = { ...largest, adjusted: largest.p };
}

/** Holm's correction over the tasks of each pair of arms: one question asked of several tasks. */
export function correct(contrasts: readonly Contrast[]): void {
  const families = new Map<string, Contrast[]>();
  for (const c of contrasts) {
    const key = JSON.stringify([c.arm, c.against]);
    families.set(key, [...(families.get(key) ?? []), c]);
  }
  for (const family of families.values()) {
    for (const which of ['significance', 'mcnemar'] as const) {
      const tested = family.flatMap((c) => c[which] ?? []);
      for (const [i, adjusted] of holm(tested.map((t) => t.p)).entries()) tested[i]!.adjusted = adjusted;
    }
  }
}
