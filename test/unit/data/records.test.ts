import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import { parseCsv, readRecordFile } from '../../../src/data/records.ts';
import { temporaryFolder } from '../../support.ts';

const folder = await temporaryFolder();
const written = async (name: string, content: string | Uint8Array) => {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
};
const read = async (...args: Parameters<typeof readRecordFile>) => (await readRecordFile(...args)).map((r) => r.record);
const problem = (code: string, place: string) => (error: Error & { problem: { code: string; place: string } }) => {
  assert.deepEqual([error.problem.code, error.problem.place], [code, place]);
  return true;
};

describe('records of a data file', () => {
  test('JSON lines, empty lines left out, also packed', async () => {
    const text = '{"a": 1}\r\n\n{"a": "ü"}\n';
    for (const file of [await written('a.jsonl', text), await written('b.jsonl.gz', zlib.gzipSync(text))]) {
      const records = await readRecordFile(file);
      assert.deepEqual(records, [
        { record: { a: 1 }, place: `${file}:1` },
        { record: { a: 'ü' }, place: `${file}:3` },
      ]);
    }
  });

  test('a JSON list, or one object', async () => {
    assert.deepEqual(await read(await written('list.json', '[{"a": 1}, {"a": 2}]')), [{ a: 1 }, { a: 2 }]);
    assert.deepEqual(await read(await written('one.json', '{"a": 1}')), [{ a: 1 }]);
  });

  test('CSV with a head line, or with columns that are given', async () => {
    const columns = ['question', 'answer'];
    const rows = [{ question: 'one, "two"\nthree', answer: '' }];
    const row = '"one, ""two""\nthree",\r\n';
    assert.deepEqual(await read(await written('head.csv', `question,answer\n${row}`)), rows);
    assert.deepEqual(await read(await written('bare.csv', row), { columns }), rows);
    assert.deepEqual(await read(await written('both.csv', `question,answer\n${row}`), { columns }), rows);
  });

  test('a quote inside a cell that is not quoted is a character', () => {
    assert.deepEqual(
      parseCsv('6" pipe,2\n\n"a\nb",c').map(({ cells, line }) => [line, cells]),
      [
        [1, ['6" pipe', '2']],
        [3, ['a\nb', 'c']],
      ],
    );
  });

  for (const compression of ['snappy', 'gzip', 'brotli']) {
    test(`Parquet, ${compression}: nested columns, integers, nulls`, async () => {
      const file = join(import.meta.dirname ?? '', 'fixtures', `${compression}.parquet`);
      assert.deepEqual(await read(file), [
        {
          question: 'Which is a metal?',
          choices: { text: ['Iron', 'Glass', 'Öl'], label: ['1', '2', '3'] },
          answerKey: '1',
          n: 7,
        },
        {
          question: 'Was ist Wasser? 😀',
          choices: { text: ['H2O', 'CO2'], label: ['A', 'B'] },
          answerKey: 'A',
          n: null,
        },
      ]);
    });
  }
});

describe('what cannot be read is named by its place', () => {
  const table: [string, string | Uint8Array, string, string][] = [
    ['x.jsonl', '{}\n{"a": \n', 'invalid-record', ':2'],
    ['y.jsonl', '[1]\n', 'invalid-record', ':1'],
    ['z.json', '{]', 'invalid-record', ''],
    ['rows.csv', 'a,b\n1,2\n1\n', 'invalid-record', ':3'],
    ['p.parquet', 'not parquet at all', 'invalid-record', ''],
    ['g.jsonl.gz', 'not packed', 'invalid-record', ''],
    ['t.xml', '<a/>', 'unknown-format', ''],
    ['latin.csv', Buffer.from([0x61, 0xe9, 0x0a]), 'text-not-utf8', ''],
  ];
  for (const [name, content, code, at] of table) {
    test(`${name}: ${code}`, async () => {
      const file = await written(name, content);
      await assert.rejects(readRecordFile(file), problem(code, `${file}${at}`));
    });
  }

  test('a compression that this Node does not have', async () => {
    const file = join(import.meta.dirname ?? '', 'fixtures', 'zstd.parquet');
    if ('zstdDecompressSync' in zlib) assert.equal((await readRecordFile(file)).length, 2);
    else await assert.rejects(readRecordFile(file), /cannot be read: .*ZSTD/);
  });
});
