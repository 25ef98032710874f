import { ascending, ranking } from './importance.ts';
import type { ImportanceFacts } from './types.ts';

/** Surgery that an importance speaks for: layers of the model that was measured. */
export interface SuggestedSurgery {
  /** The metric that ranks the layers. */
  by: string;
  /** Insert a block after each of these: the most important ones, ascending. */
  expand: number[];
  /** Delete these: the least important of the others, ascending. */
  prune: number[];
}

/**
 * Metrics in the order in which they are trusted to rank layers: what the model loses goes before how far a layer turns its
 * input, which predicts that only weakly (arXiv 2605.14075).
 */
const trusted = ['removal', 'angular', 'influence', 'duplication'] as const;

/** Their places in that order, for views that offer them. */
export const rankingOrder = Object.fromEntries(trusted.map((name, place) => [name, place])) as Record<
  (typeof trusted)[number],
  number
>;

/** Shares of the published recipe: 8 blocks for 32 layers, of which 2 are deleted (Llama SLayer 8B, strategy.jpg). */
const grownShare = 8 / 32;
const prunedShare = 2 / 32;

/**
 * What an importance of `layers` layers suggests: a block after each of the most important quarter, and without the least
 * important sixteenth (at least one of each). Undefined without a metric that ranks, or with fewer than two layers. `by`: rank by
 * this metric.
 */
export function suggestSurgery(
  importance: ImportanceFacts,
  layers: number,
  by: string | undefined = trusted.find((name) => importance.metrics[name] !== undefined),
): SuggestedSurgery | undefined {
  const values = by === undefined ? undefined : importance.metrics[by];
  if (by === undefined || values === undefined || layers < 2) return undefined;
  const count = (share: number) => Math.max(1, Math.round(layers * share));
  const expand = ranking(values).slice(0, count(grownShare));
  const others = ranking(values).filter((layer) => !expand.includes(layer));
  return { by, expand: ascending(expand), prune: ascending(others.slice(-count(prunedShare))) };
}

/** The suggestion as entries of an arm. */
export function surgeryEntries({
  by,
  expand,
  prune,
}: SuggestedSurgery): { key: string; value: string; comment?: string }[] {
  return [
    {
      key: 'expand',
      value: `{ after: [${expand.join(', ')}], init: average }`,
      comment: `the most important by ${by}`,
    },
    { key: 'prune', value: `{ layers: [${prune.join(', ')}] }`, comment: 'the least important' },
    { key: 'train', value: '[new]' },
  ];
}

/** The suggestion as lines of an arm, to be written under its name. */
export function surgeryYaml(suggested: SuggestedSurgery): string[] {
  return surgeryEntries(suggested).map(
    ({ key, value, comment }) => `${key}: ${value}${comment === undefined ? '' : ` # ${comment}`}`,
  );
}
