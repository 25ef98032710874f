import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { packedRows } from '../../../src/data/packing.ts';
import { makeRows } from '../../../src/data/rows.ts';
import type { TokenCorpus } from '../../../src/data/token-corpus.ts';
import type { Rows } from '../../../src/data/types.ts';

/** Documents whose tokens are all different: token t of document d is 1000·d + t. Labels too, but −100 on every third. */
function corpusOf(lengths: number[]): TokenCorpus {
  const ids = lengths.flatMap((n, d) => Array.from({ length: n }, (_, t) => 1000 * d + t));
  const starts = Float64Array.from([0, ...lengths.map((_, d) => lengths.slice(0, d + 1).reduce((a, b) => a + b, 0))]);
  return { ids: Int32Array.from(ids), labels: Int32Array.from(ids, (id) => (id % 3 === 2 ? -100 : id)), starts };
}

function rowsOf(corpus: TokenCorpus, packing: 'document' | 'stream', sequence: number, count: number, seed = 1): Rows {
  const source = packedRows(corpus, { sequence, packing, seed, stream: 'corpus' });
  return makeRows(count, sequence, (row, out) => source.write(row, out));
}

const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
const sequences = fc.integer({ min: 2, max: 12 });

describe('packing: document', () => {
  test('each pass holds every token of every document exactly once, documents whole and in an order of its own', () => {
    fc.assert(
      fc.property(lengths, sequences, (lengths, sequence) => {
        const corpus = corpusOf(lengths);
        const total = corpus.ids.length;
        const { ids } = rowsOf(corpus, 'document', sequence, Math.ceil((3 * total) / sequence));
        for (let pass = 0; pass < 3; pass++) {
          const tokens = [...ids.slice(pass * total, (pass + 1) * total)];
          assert.deepEqual(
            tokens.toSorted((a, b) => a - b),
            [...corpus.ids],
          );
          for (const [i, id] of tokens.entries()) if (id % 1000 > 0) assert.equal(tokens[i - 1], id - 1);
        }
      }),
    );
  });

  test('a target is the label of the next token of the same document in the same row, or none', () => {
    fc.assert(
      fc.property(lengths, sequences, (lengths, sequence) => {
        const { ids, targets, segments, positions, rows } = rowsOf(corpusOf(lengths), 'document', sequence, 6);
        for (let i = 0; i < rows * sequence; i++) {
          const id = ids[i]!;
          const lastOfRow = i % sequence === sequence - 1;
          const lastOfDocument = id % 1000 === lengths[Math.floor(id / 1000)]! - 1;
          const expected = lastOfRow || lastOfDocument || (id + 1) % 3 === 2 ? -100 : id + 1;
          assert.equal(targets[i], expected);
          const first = i % sequence === 0 || id % 1000 === 0;
          assert.equal(positions[i], first ? 0 : positions[i - 1]! + 1);
          assert.equal(segments[i], i % sequence === 0 ? 0 : segments[i - 1]! + (first ? 1 : 0));
        }
      }),
    );
  });

  test('a longer document goes on in the next row as a segment of its own', () => {
    const rows = rowsOf(corpusOf([6]), 'document', 4, 3);
    assert.deepEqual([...rows.ids], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
    assert.deepEqual([...rows.segments], [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
    assert.deepEqual([...rows.positions], [0, 1, 2, 3, 0, 1, 0, 1, 0, 1, 2, 3]);
    assert.deepEqual([...rows.targets], [1, -100, 3, -100, -100, -100, 1, -100, 3, 4, -100, -100]);
  });

  test('any row alone is what it is among the others, and the seed decides the order', () => {
    fc.assert(
      fc.property(lengths, sequences, fc.integer({ min: 0, max: 20 }), (lengths, sequence, row) => {
        const corpus = corpusOf(lengths);
        const all = rowsOf(corpus, 'document', sequence, 21);
        const source = packedRows(corpus, { sequence, packing: 'document', seed: 1, stream: 'corpus' });
        const alone = makeRows(1, sequence, (_, out) => source.write(row, out));
        const part = (a: Int32Array) => a.slice(row * sequence, (row + 1) * sequence);
        assert.deepEqual([alone.ids, alone.targets], [part(all.ids), part(all.targets)]);
      }),
    );
    const many = corpusOf(Array.from({ length: 50 }, () => 2));
    assert.notDeepEqual(rowsOf(many, 'document', 10, 10, 1).ids, rowsOf(many, 'document', 10, 10, 2).ids);
  });

  test('rows in a pass', () => {
    const corpus = corpusOf([3, 4]);
    assert.equal(packedRows(corpus, { sequence: 2, packing: 'document', seed: 1, stream: 'corpus' }).rowsPerPass, 3.5);
  });
});

test('packing: stream is one segment a row, and predicts across documents', () => {
  fc.assert(
    fc.property(lengths, sequences, (lengths, sequence) => {
      const corpus = corpusOf(lengths);
      const stream = rowsOf(corpus, 'stream', sequence, 5);
      assert.deepEqual(stream.ids, rowsOf(corpus, 'document', sequence, 5).ids);
      assert.ok(stream.segments.every((s) => s === 0));
      assert.ok(stream.positions.every((p, i) => p === i % sequence));
      const expected = stream.ids.map((_, i) => {
        const next = stream.ids[i + 1]!;
        return i % sequence === sequence - 1 || next % 3 === 2 ? -100 : next;
      });
      assert.deepEqual(stream.targets, expected);
    }),
  );
});
