import { either, reshape, slice } from './functions.ts';
import type { Graph } from './graph.ts';
import type { Tensor } from './tensor.ts';

/** Tokens by their document and place: int32 [batch·length] each. */
export interface Tokens {
  segments: Tensor;
  /** For queries: one more segment whose keys each of them may see. */
  parents?: Tensor;
  positions: Tensor;
  batch: number;
  length: number;
}

/**
 * Additive attention masks [batch, 1, queries, keys], one for each window that is asked for: 0 where a query may look, −∞
 * elsewhere. It may look at keys of its own segment, and of its parent segment, whose position is not after its own and, with
 * a window w, not w or more before it. Made once and shared by the layers.
 */
export function attentionMasks(g: Graph, queries: Tokens, keys: Tokens): (window: number | null) => Tensor {
  const column = (x: Tensor) => reshape(g, x, [queries.batch, 1, queries.length, 1]);
  const row = (x: Tensor) => reshape(g, x, [keys.batch, 1, 1, keys.length]);
  const among = (segments: Tensor) => g.apply('Equal', [column(segments), row(keys.segments)]);
  const own = among(queries.segments);
  const together = queries.parents ? either(g, own, among(queries.parents)) : own;
  const before = g.apply('LessOrEqual', [row(keys.positions), column(queries.positions)]);
  const visible = g.apply('And', [together, before]);
  const additive = (condition: Tensor) =>
    g.apply('Where', [condition, g.scalar(0), g.scalar(Number.NEGATIVE_INFINITY)]);
  const made = new Map<number | null, Tensor>();
  return (window) => {
    const known = made.get(window);
    if (known) return known;
    const condition = window === null ? visible : g.apply('And', [visible, near(window)]);
    const mask = additive(condition);
    made.set(window, mask);
    return mask;
  };

  function near(window: number): Tensor {
    const distance = g.apply('Sub', [column(queries.positions), row(keys.positions)]);
    return g.apply('Greater', [g.constant('int32', [], [window]), distance]);
  }
}

/** A mask of a row with itself, cut for the parts of the row: each with the keys up to its end. */
export function maskParts(g: Graph, mask: Tensor, widths: readonly number[]): Tensor[] {
  let end = 0;
  return widths.map((width) => {
    const from = end;
    end += width;
    return slice(g, mask, [
      { axis: 2, from, to: end },
      { axis: 3, from: 0, to: end },
    ]);
  });
}
