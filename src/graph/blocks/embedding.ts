import { cast, expand, reshape } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';

/** Rows of `table` [vocab, hidden]: ids int32 [rows] → [rows, hidden]. The table may be stored in half precision. */
export function embedding(g: Graph, table: Tensor, ids: Tensor): Tensor {
  return g.block('Embedding', [table, ids], () => ({
    outputs: [cast(g, g.apply('Gather', [table, ids], { axis: 0 }), g.float)],
    saved: undefined,
  }))[0]!;
}

/**
 * Rows of dy are added into the rows of the table they came from. ScatterElements, not ScatterND: that loses additions on the
 * CPU with more than one thread. With a tied head the sum starts from the head's gradient, which saves a table of zeros.
 */
export const embeddingRule: Rule = ({ g, inputs: [table, ids], dy }) => [
  {
    into(sum) {
      const [rows] = ids!.shape;
      const index = expand(g, reshape(g, ids!, [rows!, 1]), dy.shape);
      const start = sum ?? expand(g, g.constant(g.float, [1, 1], [0]), table!.shape);
      return g.apply('ScatterElements', [start, index, dy], { axis: 0, reduction: 'add' });
    },
  },
  undefined,
];
