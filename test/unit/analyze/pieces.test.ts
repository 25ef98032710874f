import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { corpusPieces, pieceRequest } from '../../../src/analyze/pieces.ts';
import { sha256 } from '../../../src/base/hash.ts';
import { corpusKind } from '../../../src/data/corpus-kind.ts';
import type { Tokenizer } from '../../../src/data/types.ts';
import { temporaryFolder } from '../../support.ts';

/** One token a character; BOS 1, EOS 2. */
const tokenizer: Tokenizer = {
  encode: (text) => [1, ...[...text].map((c) => c.charCodeAt(0) % 50)],
  decode: () => '',
  renderChat: () => '',
  hasChatTemplate: false,
  bosId: 1,
  eosId: 2,
  addsBos: true,
  addsEos: false,
  size: 60,
};
const config = { maxPositions: 8, vocabSize: 60 };

async function corpus(texts: string[]): Promise<string> {
  const file = join(await temporaryFolder(), 'texts.jsonl');
  await writeFile(file, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  return file;
}

test('documents come in the order of the hash of their text, whatever their order in the file', async () => {
  const texts = ['one', 'two', 'three', 'four', 'five'];
  const pieces = (list: string[]) =>
    corpus(list).then((file) => corpusPieces([file], { kind: 'text' }, tokenizer, config, 1000));
  const there = await pieces(texts);
  assert.deepEqual(there, await pieces([...texts].reverse()));
  const byHash = [...texts].sort((a, b) => (sha256(a) < sha256(b) ? -1 : 1));
  assert.deepEqual(
    there.map((p) => p.ids),
    byHash.map((text) => [...tokenizer.encode(text), 2]),
  );
});

test('what is held out comes first', async () => {
  const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
  const file = await corpus(texts);
  const some = await corpusPieces(
    [file],
    { kind: 'text', holdout: 0.1 },
    tokenizer,
    { ...config, maxPositions: 64 },
    1,
  );
  const all = await corpusPieces([file], { kind: 'text' }, tokenizer, { ...config, maxPositions: 64 }, 1);
  // The hold-out is the beginning of the order by hash, so that both begin with the same document.
  assert.deepEqual(some, all);
});

test('no more tokens than were asked for; long documents in pieces of the positions', async () => {
  const file = await corpus(['abcdefghijklmnopqrstuvwxyz']);
  const pieces = await corpusPieces([file], { kind: 'text' }, tokenizer, config, 19);
  assert.deepEqual(
    pieces.map(({ document, ids }) => [document, ids.length]),
    [
      [0, 8],
      [0, 8],
      [0, 3],
    ],
  );
});

test('token rows are taken whole, in their order, as many as fit and at least one', async () => {
  const file = join(await temporaryFolder(), 'rows.jsonl');
  const rows = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [9, 10, 11, 12],
  ];
  await writeFile(file, rows.map((input_ids) => `${JSON.stringify({ input_ids })}\n`).join(''));
  const take = async (tokens: number) =>
    (await corpusPieces([file], { kind: 'tokens' }, undefined, config, tokens)).map((p) => p.ids);
  assert.deepEqual(await take(11), rows.slice(0, 2));
  assert.deepEqual(await take(1), rows.slice(0, 1));
  assert.deepEqual(await take(100), rows);
});

test('a token that the model does not have is refused', async () => {
  const file = join(await temporaryFolder(), 'rows.jsonl');
  await writeFile(file, '{"input_ids": [1, 60]}\n');
  await assert.rejects(corpusPieces([file], { kind: 'tokens' }, undefined, config, 10), { message: /token 60/ });
});

test('a text without a tokenizer says what to do', async () => {
  const file = await corpus(['a']);
  await assert.rejects(corpusPieces([file], { kind: 'text' }, undefined, config, 10), { message: /needs a tokenizer/ });
});

test('the request of a piece reads all its tokens and counts those with a label but the first', () => {
  assert.deepEqual(pieceRequest({ document: 0, ids: [1, 5, 6], labels: [1, -100, 6] }), {
    context: [1],
    continuation: [5, 6, 0],
    scored: [false, true, false],
  });
});

test('JSON lines with input_ids are token rows; with the field of the text they are text', async () => {
  const folder = await temporaryFolder();
  const kindOf = async (name: string, text: string, field?: string) => {
    await writeFile(join(folder, name), text);
    return corpusKind([join(folder, name)], field);
  };
  assert.equal(await kindOf('a.jsonl', '\n{"input_ids": [1, 2]}\n'), 'tokens');
  assert.equal(await kindOf('b.jsonl', '{"text": "x", "input_ids": [1]}\n'), 'text');
  assert.equal(await kindOf('c.jsonl', '{"body": "x", "input_ids": [1]}\n', 'body'), 'text');
  assert.equal(await kindOf('d.txt', '{"input_ids": [1, 2]}\n'), 'text');
  assert.equal(await kindOf('e.safetensors', ''), 'tokens');
});
