import { fail } from '../base/problem.ts';
import { permutation, random } from '../base/random.ts';
import type { RowSource } from './rows.ts';
import type { TokenCorpus } from './token-corpus.ts';

/**
 * Rows out of documents. The passes over the corpus are laid end to end, each in an order of its own, and cut into rows of
 * `sequence` tokens, so every row is full, and n passes hold every token exactly n times. Row r is tokens [r·S, (r+1)·S) of
 * that endless text: any row can be made without those before it.
 *
 * Where a document goes on in the next row it is a new segment there. `stream` makes each row one segment.
 */
export function packedRows(
  corpus: TokenCorpus,
  options: { sequence: number; packing: 'document' | 'stream'; seed: number; stream: string },
): RowSource {
  const { starts, ids, labels } = corpus;
  const documents = starts.length - 1;
  const total = starts[documents]!;
  if (total === 0) fail('corpus-empty', 'The corpus has no tokens.', { remedy: 'Give files with text.' });
  const passes = new Map<number, Pass>();
  const pass = (number: number): Pass => {
    let found = passes.get(number);
    if (!found) {
      found = orderOf(corpus, random(options.seed, 'pass', options.stream, number));
      // Rows are asked for in order: the pass before is needed for the row that lies across, older ones are not.
      for (const old of passes.keys()) if (passes.size > 1) passes.delete(old);
      passes.set(number, found);
    }
    return found;
  };
  return {
    rowsPerPass: total / options.sequence,
    write(row, out) {
      let offset = row * options.sequence;
      let segment = 0;
      for (let at = 0; at < options.sequence; segment++) {
        const number = Math.floor(offset / total);
        const { order, ends } = pass(number);
        const inPass = offset - number * total;
        const k = firstAbove(ends, inPass);
        const document = order[k]!;
        const end = ends[k]!;
        const start = starts[document + 1]! - (end - inPass);
        const length = Math.min(end - inPass, options.sequence - at);
        const continues = options.packing === 'stream' && segment > 0;
        out.segment(at, ids.subarray(start, start + length), labels.subarray(start, start + length), continues);
        at += length;
        offset += length;
      }
    },
  };
}

/** The order of the documents in one pass, and where each ends in it (tokens). */
interface Pass {
  order: Uint32Array;
  ends: Float64Array;
}

function orderOf({ starts }: TokenCorpus, generator: ReturnType<typeof random>): Pass {
  const order = permutation(starts.length - 1, generator);
  const ends = new Float64Array(order.length);
  let end = 0;
  for (const [i, document] of order.entries()) {
    end += starts[document + 1]! - starts[document]!;
    ends[i] = end;
  }
  return { order, ends };
}

/** Index of the first element greater than `value` in an ascending list. */
function firstAbove(list: Float64Array, value: number): number {
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
