import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import type { Failure } from '../../../src/base/problem.ts';
import { firstDocuments, readCorpus } from '../../../src/data/corpus.ts';
import { resolveFiles } from '../../../src/data/files.ts';
import { overlap } from '../../../src/data/overlap.ts';
import { firstWrongByte, readHead } from '../../../src/data/text-file.ts';
import { temporaryFolder } from '../../support.ts';

/** Writes files into a temporary folder and returns it. */
const posix = { skip: process.platform === 'win32' ? 'there are no pipes in folders' : false };

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}
async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  return join(await folderOf({ [name]: content }), name);
}
const texts = async (...args: Parameters<typeof readCorpus>) =>
  (await readCorpus(...args)).documents.map((d) => d.text);

/** Reading and the cheap look both fail with this code; returns the problem. */
async function rejects(files: string[], options: Parameters<typeof readCorpus>[1], code: string, alsoFirst = true) {
  const check = (error: Failure) => {
    assert.equal(error.problem?.code, code, String(error));
    found = error.problem;
    return true;
  };
  let found = { place: '', message: '', remedy: '' } as Failure['problem'];
  if (alsoFirst) await assert.rejects(firstDocuments(files, options), check);
  await assert.rejects(readCorpus(files, options), check);
  return found;
}

describe('documents', () => {
  test('one a line of a .jsonl file', async () => {
    const file = await fileOf('a.jsonl', '\ufeff{"text": "one"}\r\n\n{"text": "two\\n2", "more": 1}');
    const { documents, chat } = await readCorpus([file]);
    assert.deepEqual([documents.map((d) => d.text), chat], [['one', 'two\n2'], false]);
    assert.deepEqual(
      documents.map((d) => relative(dirname(file), d.place)),
      ['a.jsonl:1', 'a.jsonl:3'],
    );
  });

  test('another field, and conversations', async () => {
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ];
    const file = await fileOf('a.jsonl', JSON.stringify({ talk: messages.map((m) => ({ ...m, weight: 1 })) }));
    const { documents, chat } = await readCorpus([file], { field: 'talk' });
    assert.deepEqual([documents[0]!.messages, chat], [messages, true]);
    assert.deepEqual(await firstDocuments([file], { field: 'talk' }), { chat: true });
  });

  test('one a .txt file, by paragraph, by line', async () => {
    const file = await fileOf('a.txt', 'one\nstill one\r\n \r\n\n  two\nthree\n');
    assert.deepEqual(await texts([file]), ['one\nstill one\r\n \r\n\n  two\nthree\n']);
    assert.deepEqual(await texts([file], { split: 'paragraph' }), ['one\nstill one', '  two\nthree']);
    assert.deepEqual(await texts([file], { split: 'line' }), ['one', 'still one', '  two', 'three']);
    const { documents } = await readCorpus([file], { split: 'paragraph' });
    assert.match(documents[1]!.place, /a\.txt:5$/);
  });

  test('files in the given order', async () => {
    const folder = await folderOf({ 'b.txt': 'b', 'a.txt': 'a' });
    assert.deepEqual(await texts([join(folder, 'b.txt'), join(folder, 'a.txt')]), ['b', 'a']);
  });
});

describe('hold-out', () => {
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
  test('is chosen by the text alone: order does not matter, equal texts stay together', async () => {
    const forwards = await fileOf('a.txt', [...lines, ...lines].join('\n'));
    const backwards = await fileOf('a.txt', [...lines].reverse().join('\n'));
    const a = await readCorpus([forwards], { split: 'line', holdout: 0.1 });
    const b = await readCorpus([backwards], { split: 'line', holdout: 0.1 });
    const held = new Set(a.holdout.map((d) => d.text));
    assert.equal(held.size, 4);
    assert.deepEqual(held, new Set(b.holdout.map((d) => d.text)));
    assert.equal(a.holdout.length, 8);
    assert.ok(a.documents.every((d) => !held.has(d.text)));
  });

  test('holds at least one document', async () => {
    const file = await fileOf('a.txt', 'a\nb\nc');
    assert.equal((await readCorpus([file], { split: 'line', holdout: 0.01 })).holdout.length, 1);
  });

  test('of one document is an error that names split', async () => {
    const file = await fileOf('a.txt', 'a\nb\nc');
    assert.match((await rejects([file], { holdout: 0.1 }, 'holdout-impossible', false)).remedy!, /split/);
  });
});

describe('what is wrong is said with its place', () => {
  test('bytes that are no UTF-8', async () => {
    const file = await fileOf('a.txt', Buffer.from([0x61, 0xc3, 0xa9, 0xff, 0x62]));
    assert.match((await rejects([file], {}, 'text-not-utf8')).message, /byte 3 /);
  });
  test('the first wrong byte', () => {
    const table: [number[], number][] = [
      [[0x61], -1],
      [[0x80], 0],
      [[0x61, 0xe2, 0x82], 1],
      [[0xf0, 0x9f, 0x98, 0x80, 0xc0, 0x80], 4],
      [[0xed, 0xa0, 0x80], 0],
    ];
    for (const [bytes, offset] of table) assert.equal(firstWrongByte(Uint8Array.from(bytes)), offset);
  });
  test('a missing field', async () => {
    const file = await fileOf('a.jsonl', '{"txt": "a"}\n');
    assert.match((await rejects([file], {}, 'field-missing')).place!, /a\.jsonl:1$/);
    const later = await fileOf('a.jsonl', '{"text": "a"}\n{"txt": "a"}\n');
    assert.match((await rejects([later], {}, 'field-missing', false)).place!, /a\.jsonl:2$/);
  });
  test('a field of another kind', async () => {
    await rejects([await fileOf('a.jsonl', '{"text": [1]}')], {}, 'field-missing');
  });
  test('a line that is no object', async () => {
    await rejects([await fileOf('a.jsonl', '{"text": ')], {}, 'invalid-json-line');
    await rejects([await fileOf('a.jsonl', '[1]')], {}, 'invalid-json-line');
  });
  test('an empty corpus', async () => {
    await rejects([await fileOf('a.txt', ' \n')], {}, 'corpus-empty', false);
    await rejects([], {}, 'corpus-empty', false);
  });
  test('texts and conversations in one corpus', async () => {
    const mixed = '{"text": "a"}\n{"text": [{"role": "user", "content": "a"}]}';
    assert.match((await rejects([await fileOf('a.jsonl', mixed)], {}, 'corpus-mixed', false)).place!, /:2$/);
  });
  test('a missing file', async () => {
    await rejects(['/nowhere/a.txt'], {}, 'file-missing');
  });
});

test('the cheap look reads only the head of a large file', async () => {
  const file = await fileOf('a.txt', `${'é\n'.repeat(100)}${'x'.repeat(500)}`);
  assert.equal((await readHead(file, 101)).toString(), 'é\n'.repeat(33));
  assert.equal((await readHead(await fileOf('a.txt', 'abc'), 2)).toString(), 'abc');
});

describe('patterns', () => {
  test('wildcards, sorted within a pattern, each file once', async () => {
    const folder = await folderOf({
      'data/b.jsonl': '',
      'data/a.jsonl': '',
      'data/a.txt': '',
      'data/deep/er/c.jsonl': '',
      'data/.hidden.jsonl': '',
      'data/[x].jsonl': '',
    });
    const table: [string[], string[]][] = [
      [['data/*.jsonl'], ['data/[x].jsonl', 'data/a.jsonl', 'data/b.jsonl']],
      [
        ['data/?.jsonl', 'data/a.*'],
        ['data/a.jsonl', 'data/b.jsonl', 'data/a.txt'],
      ],
      [['data/**/*.jsonl'], ['data/[x].jsonl', 'data/a.jsonl', 'data/b.jsonl', 'data/deep/er/c.jsonl']],
      [['**/c.jsonl'], ['data/deep/er/c.jsonl']],
      [['data/**'], ['data/[x].jsonl', 'data/a.jsonl', 'data/a.txt', 'data/b.jsonl', 'data/deep/er/c.jsonl']],
      [['data/.*.jsonl'], ['data/.hidden.jsonl']],
      [['data/[x].jsonl'], ['data/[x].jsonl']],
      [['data/none.txt'], ['data/none.txt']],
      [['nothing/*.txt'], []],
    ];
    for (const [patterns, expected] of table) {
      const files = await resolveFiles(patterns, folder);
      assert.deepEqual(
        files.map((f) => relative(folder, f)),
        expected,
        patterns.join(),
      );
    }
    const absolute = await resolveFiles([join(folder, 'data/a.*')], '/');
    assert.deepEqual(
      absolute.map((f) => relative(folder, f)),
      ['data/a.jsonl', 'data/a.txt'],
    );
  });

  test('links to files and folders are followed', async () => {
    const folder = await folderOf({ 'real/a.txt': '' });
    await symlink(join(folder, 'real'), join(folder, 'link'));
    await symlink(join(folder, 'real/a.txt'), join(folder, 'b.txt'));
    const files = await resolveFiles(['*.txt', 'link/*.txt', 'l*/*.txt'], folder);
    assert.deepEqual(
      files.map((f) => relative(folder, f)),
      ['b.txt', 'link/a.txt'],
    );
  });

  test('links in a circle end, and what is no file is no match', posix, async () => {
    const folder = await folderOf({ 'real/a.txt': '', 'real/deep/b.txt': '' });
    await symlink(folder, join(folder, 'real', 'up'));
    await symlink(join(folder, 'real'), join(folder, 'real', 'deep', 'again'));
    await symlink('round.txt', join(folder, 'round.txt'));
    execFileSync('mkfifo', [join(folder, 'real', 'pipe.txt')]);
    const found = async (pattern: string) => (await resolveFiles([pattern], folder)).map((f) => relative(folder, f));
    assert.deepEqual(await found('**/*.txt'), ['real/a.txt', 'real/deep/b.txt', 'round.txt']);
    assert.deepEqual(await found('real/**'), ['real/a.txt', 'real/deep/b.txt']);
    assert.deepEqual(
      await found('*/*/*/*/*.txt'),
      [
        'real/deep/again/deep/b.txt',
        'real/deep/again/up/round.txt',
        'real/up/real/deep/b.txt',
        'real/up/real/up/round.txt',
      ].toSorted(),
    );
    await rejects([join(folder, 'round.txt')], {}, 'link-loop');
  });
});

test('contamination: a shared run of n words, whatever case and punctuation', () => {
  const trained = ['One two, three FOUR five.', 'six seven'];
  assert.deepEqual(overlap(['a two three four b', 'one two', 'Six-seven?', 'three two'], trained, 3), [0]);
  assert.deepEqual(overlap(['Six-seven?', 'three two', 'one TWO'], trained, 2), [0, 2]);
  const thirteen = 'a b c d e f g h i j k l m';
  assert.deepEqual(overlap([thirteen, 'a b c d e f g h i j k l'], [`x ${thirteen} y`]), [0]);
});
