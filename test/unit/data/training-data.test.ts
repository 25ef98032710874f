import assert from 'node:assert/strict';
import { readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Failure } from '../../../src/base/problem.ts';
import { loadTokenCorpus } from '../../../src/data/token-cache.ts';
import { documentEncoder } from '../../../src/data/token-corpus.ts';
import { readTokenRows } from '../../../src/data/token-rows.ts';
import { openTokenizer } from '../../../src/data/tokenizer.ts';
import { replayed, stepsFor, trainingData } from '../../../src/data/training-data.ts';
import type { DataSpec, Rows, Tokenizer } from '../../../src/data/types.ts';
import { temporaryFolder } from '../../support.ts';
import { tokenizerFolder, words, wordsConfig } from './small-tokenizers.ts';

const names = (letter: string, n: number) => Array.from({ length: n }, (_, i) => `${letter}${i}`);
const tokenizerOf = async () =>
  openTokenizer(await tokenizerFolder(words([...names('m', 60), ...names('r', 60)]), wordsConfig));
async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, content);
  return file;
}
const hasCode = (code: string) => (error: Failure) => {
  assert.equal(error.problem?.code, code, String(error));
  return true;
};

const spec: DataSpec = {
  corpus: { kind: 'text', hash: 'm', split: 'line' },
  steps: 10,
  batch: 4,
  sequence: 4,
  packing: 'document',
};

/** Main documents `m0`, `m1`, … and replay documents `r0`, …: with BOS and EOS three tokens each. */
async function world(): Promise<{ tokenizer: Tokenizer; corpus: string[]; replay: string[] }> {
  return {
    tokenizer: await tokenizerOf(),
    corpus: [await fileOf('m.txt', names('m', 40).join('\n'))],
    replay: [await fileOf('r.txt', names('r', 40).join('\n'))],
  };
}

describe('batches', () => {
  test('follow from seed and step alone', async () => {
    const { tokenizer, ...files } = await world();
    const withReplay = { ...spec, replay: { corpus: { ...spec.corpus, hash: 'r' }, share: 0.3 } };
    const forwards = await trainingData(withReplay, files, tokenizer, 1);
    const backwards = await trainingData(withReplay, files, tokenizer, 1);
    const other = await trainingData(withReplay, files, tokenizer, 2);
    const steps = Array.from({ length: 10 }, (_, i) => i);
    const a: Rows[] = steps.map((s) => forwards.batch(s));
    const b = steps
      .toReversed()
      .map((s) => backwards.batch(s))
      .toReversed();
    assert.deepEqual(a, b);
    assert.notDeepEqual(
      a,
      steps.map((s) => other.batch(s)),
    );
    assert.throws(() => forwards.batch(10), RangeError);
    assert.equal(forwards.rowsPerEpoch, 30);
  });

  test('documents are BOS + text + EOS', async () => {
    const tokenizer = await tokenizerOf();
    const corpus = [await fileOf('m.txt', 'm0 m1')];
    const data = await trainingData({ ...spec, batch: 1 }, { corpus }, tokenizer, 1);
    const { ids, targets } = data.batch(0);
    const text = tokenizer.encode('m0 m1');
    assert.deepEqual([...ids], [...text, tokenizer.eosId]);
    assert.deepEqual([...targets], [...text.slice(1), tokenizer.eosId, -100]);
  });

  test('a tokenizer that adds EOS itself gets no second one, one without EOS none', async () => {
    const json = words(['m0']) as { post_processor: { single: object[] } };
    json.post_processor.single.push({ SpecialToken: { id: '</s>', type_id: 0 } });
    const adding = await openTokenizer(await tokenizerFolder(json, wordsConfig));
    const without = await openTokenizer(await tokenizerFolder(words(['m0'])));
    const document = { text: 'm0', hash: '', place: '' };
    assert.deepEqual(documentEncoder(adding, false)(document).ids, [0, 3, 1]);
    assert.deepEqual(documentEncoder(without, false)(document).ids, [0, 3]);
  });

  test('held-out documents are neither trained nor replayed', async () => {
    const { tokenizer, ...files } = await world();
    const source = { ...spec.corpus, holdout: 0.5 };
    const data = await trainingData(
      { ...spec, corpus: source, replay: { corpus: source, share: 0.5 }, steps: 40 },
      files,
      tokenizer,
      1,
    );
    const seen = new Set<number>();
    for (let s = 0; s < 40; s++) for (const id of data.batch(s).ids) seen.add(id);
    // BOS, EOS, and half of the forty main and forty replay words.
    assert.equal(seen.size, 2 + 20 + 20);
  });

  test('a text corpus needs a tokenizer; ids beyond the vocabulary are refused', async () => {
    const { tokenizer, ...files } = await world();
    await assert.rejects(trainingData(spec, files, undefined, 1), hasCode('tokenizer-needed'));
    await assert.rejects(
      trainingData(spec, files, tokenizer, 1, { vocabSize: 20 }),
      hasCode('token-out-of-vocabulary'),
    );
  });
});

describe('replay', () => {
  test('after n sequences exactly round(n·share) were replay, each corpus in its own order', async () => {
    const { tokenizer, ...files } = await world();
    const isReplay = (ids: Int32Array) => {
      const words = tokenizer
        .decode([...ids])
        .split(' ')
        .filter((w) => /^[mr]\d/.test(w));
      assert.equal(new Set(words.map((w) => w[0])).size, 1, 'a row is of one corpus');
      return words[0]!.startsWith('r');
    };
    for (const share of [0.05, 0.25, 1 / 3, 0.5, 0.9]) {
      const main = await trainingData({ ...spec, batch: 1, steps: 60 }, files, tokenizer, 1);
      const mixed = await trainingData(
        { ...spec, batch: 1, steps: 60, replay: { corpus: spec.corpus, share } },
        files,
        tokenizer,
        1,
      );
      let count = 0;
      for (let n = 0; n < 60; n++) {
        const row = mixed.batch(n);
        if (isReplay(row.ids)) count++;
        else assert.deepEqual(row, main.batch(n - count), 'the main corpus goes on where it stopped');
        assert.equal(count, Math.round((n + 1) * share));
      }
    }
  });
});

describe('counting', () => {
  const training = { batch: 8, sequence: 64 };
  test('steps, tokens, epochs', () => {
    const table: [Parameters<typeof stepsFor>[0], number, number][] = [
      [{ ...training, length: { unit: 'steps', value: 7 } }, 10, 7],
      [{ ...training, length: { unit: 'tokens', value: 512 } }, 10, 1],
      [{ ...training, length: { unit: 'tokens', value: 513 } }, 10, 2],
      [{ ...training, length: { unit: 'epochs', value: 1 } }, 16, 2],
      [{ ...training, length: { unit: 'epochs', value: 1 } }, 16.25, 3],
      [{ ...training, length: { unit: 'epochs', value: 0.5 } }, 32, 2],
      [{ ...training, length: { unit: 'epochs', value: 3 }, replay: { corpus: 'r', share: 0.25 } }, 16, 8],
    ];
    for (const [spec, rows, steps] of table) assert.equal(stepsFor(spec, rows), steps, JSON.stringify(spec));
  });

  test('an epoch with replay covers the main corpus, and one step fewer does not', () => {
    const integer = (min: number, max: number) => fc.integer({ min, max });
    fc.assert(
      fc.property(integer(1, 500), integer(1, 3), integer(1, 16), integer(0, 19), (rows, epochs, batch, twentieths) => {
        const share = twentieths / 20;
        const length = { unit: 'epochs' as const, value: epochs };
        const steps = stepsFor({ length, batch, sequence: 8, replay: { corpus: 'r', share } }, rows);
        const main = (n: number) => n - replayed(n, share);
        assert.ok(main(steps * batch) >= rows * epochs);
        assert.ok(main((steps - 1) * batch) < rows * epochs);
      }),
    );
  });

  test('token rows have no epochs', () => {
    const epochs = { ...training, length: { unit: 'epochs' as const, value: 1 } };
    assert.throws(() => stepsFor(epochs, Number.POSITIVE_INFINITY), hasCode('invalid-epochs'));
  });
});

describe('token rows', () => {
  const rowsSpec: DataSpec = { ...spec, corpus: { kind: 'tokens', hash: 'x' }, batch: 2, steps: 2, sequence: 3 };
  const line = (input_ids: number[], labels?: number[]) => `${JSON.stringify({ input_ids, labels })}\n`;
  const four = line([1, 2, 3]) + line([4, 5, 6], [-100, 5, -100]) + line([7, 8, 9]) + line([10, 11, 12]);

  test('are taken in order whatever the seed, one document each', async () => {
    const corpus = [await fileOf('rows.jsonl', four)];
    for (const seed of [1, 2]) {
      const data = await trainingData(rowsSpec, { corpus }, undefined, seed);
      const { ids, targets, segments, positions } = data.batch(0);
      assert.deepEqual([...ids], [1, 2, 3, 4, 5, 6]);
      assert.deepEqual([...targets], [2, 3, -100, 5, -100, -100]);
      assert.deepEqual(
        [[...segments], [...positions]],
        [
          [0, 0, 0, 0, 0, 0],
          [0, 1, 2, 0, 1, 2],
        ],
      );
      assert.deepEqual([...data.batch(1).ids], [7, 8, 9, 10, 11, 12]);
    }
  });

  test('in safetensors, int64 or int32', async () => {
    const ids = BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n);
    const labels = Int32Array.of(1, -100, 3, 4, 5, 6);
    const header = JSON.stringify({
      input_ids: { dtype: 'I64', shape: [2, 3], data_offsets: [0, 48] },
      labels: { dtype: 'I32', shape: [2, 3], data_offsets: [48, 72] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const bytes = Buffer.concat([
      length,
      Buffer.from(header),
      new Uint8Array(ids.buffer),
      new Uint8Array(labels.buffer),
    ]);
    const rows = await readTokenRows([await fileOf('rows.safetensors', bytes)]);
    assert.deepEqual(
      [[...rows.ids], [...rows.labels]],
      [
        [1, 2, 3, 4, 5, 6],
        [1, -100, 3, 4, 5, 6],
      ],
    );
    assert.deepEqual([rows.rows, rows.sequence], [2, 3]);
  });

  test('too few, of another length, broken', async () => {
    const table: [string, Partial<DataSpec>, string][] = [
      [four, { steps: 3 }, 'token-rows-few'],
      [four, { sequence: 4 }, 'token-rows-length'],
      [line([1, 2, 3]) + line([1, 2]), {}, 'token-rows-length'],
      [line([1, 2, 3], [1, 2]), {}, 'token-rows-broken'],
      [line([1, -2, 3]), {}, 'token-rows-broken'],
      ['{"ids": [1]}', {}, 'token-rows-broken'],
      ['nonsense', {}, 'invalid-json-line'],
      ['', {}, 'token-rows-empty'],
    ];
    for (const [text, change, code] of table) {
      const corpus = [await fileOf('rows.jsonl', text)];
      await assert.rejects(trainingData({ ...rowsSpec, ...change }, { corpus }, undefined, 1), hasCode(code));
    }
  });
});

describe('the cache of tokens', () => {
  test('gives what was tokenised, without the tokenizer, until something that decides it changes', async () => {
    const { tokenizer, corpus } = await world();
    const cacheFolder = join(await temporaryFolder(), 'tokens');
    const source = { ...spec.corpus, tokenizer: 't', holdout: 0.1 };
    const first = await loadTokenCorpus(source, corpus, tokenizer, { cacheFolder });
    assert.equal(first.holdoutDocuments, 4);
    assert.deepEqual(await loadTokenCorpus(source, corpus, undefined, { cacheFolder }), first);
    for (const change of [{ hash: 'other' }, { tokenizer: 'other' }, { holdout: 0.2 }, { field: 'x' }])
      await assert.rejects(
        loadTokenCorpus({ ...source, ...change }, corpus, undefined, { cacheFolder }),
        hasCode('tokenizer-needed'),
      );
  });

  test('a file that was cut off is made again', async () => {
    const { tokenizer, corpus } = await world();
    const cacheFolder = await temporaryFolder();
    const source = { ...spec.corpus, tokenizer: 't' };
    const first = await loadTokenCorpus(source, corpus, tokenizer, { cacheFolder });
    const [file] = await readdir(cacheFolder);
    await truncate(join(cacheFolder, file!), 100);
    assert.deepEqual(await loadTokenCorpus(source, corpus, tokenizer, { cacheFolder }), first);
  });
});
