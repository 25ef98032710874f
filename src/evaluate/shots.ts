import { fail } from '../base/problem.ts';
import { pythonRandom } from './python-random.ts';

/** The harness's seed for few-shot draws (the fourth of its `--seed` values). */
export const shotSeed = 1234;

export interface ShotRule {
  /** Examples in front of each question. */
  count: number;
  /** `random`: drawn anew for every document; `first`: the first ones, always the same. */
  sampler: 'random' | 'first';
  /**
   * The pool is the split that is evaluated: one more is drawn, and any that equals the document is dropped
   * (lm_eval/api/samplers.py, `get_context`).
   */
  ownSplit: boolean;
}

/** How `count` members are drawn from a pool. `random` keeps one generator for all its draws. */
const samplers: Record<ShotRule['sampler'], () => <T>(pool: readonly T[], count: number) => T[]> = {
  random: () => {
    const generator = pythonRandom(shotSeed);
    return (pool, count) => generator.sample(pool, count);
  },
  first: () => (pool, count) => pool.slice(0, count),
};

/**
 * Draws the examples of one task. To be called once per evaluated document, in document order: with the random sampler
 * a document's examples depend on how many documents came before it. `same(a, b)` tells whether two documents are equal.
 */
export function shotDrawer<T>(
  task: string,
  pool: readonly T[],
  rule: ShotRule,
  same: (a: T, b: T) => boolean,
): (document: T) => T[] {
  if (rule.count === 0) return () => [];
  const count = rule.count + (rule.ownSplit ? 1 : 0);
  if (pool.length < count) {
    fail(
      'invalid-shots',
      `The task ${task} asks for ${rule.count} shots, but its pool has ${pool.length} documents${rule.ownSplit ? ' and the one that is asked is left out' : ''}.`,
      { remedy: 'Lower shots, or draw them from a larger file.' },
    );
  }
  const draw = samplers[rule.sampler]();
  return (document) => {
    const drawn = draw(pool, count);
    return rule.ownSplit ? drawn.filter((shot) => !same(shot, document)).slice(0, rule.count) : drawn;
  };
}
