import { permutation, type Random } from '../../src/base/random.ts';

export function pick<T>(list: readonly T[], generator: Random): T {
  return list[generator.below(list.length)]!;
}

/** A shuffled copy. */
export function shuffled<T>(list: readonly T[], generator: Random): T[] {
  return [...permutation(list.length, generator)].map((i) => list[i]!);
}

export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
