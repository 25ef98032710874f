import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readCorpus } from '../../../src/data/corpus.ts';
import { readRecordFile } from '../../../src/data/records.ts';
import { loadTokenCorpus } from '../../../src/data/token-cache.ts';
import { firstTokenRows, readTokenRows } from '../../../src/data/token-rows.ts';
import { openTokenizer } from '../../../src/data/tokenizer.ts';
import { choiceRecord, generateRecord, readRecords } from '../../../src/evaluate/documents.ts';
import { writeSafetensors } from '../../../src/model/writer.ts';
import { benchmarks } from '../../../src/tasks/benchmarks.ts';
import { root } from '../../support.ts';
import { bpe, words } from '../../unit/data/small-tokenizers.ts';
import { each, lines, type Reader, writeAll } from '../reader.ts';

const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
const template = (name: string) => ({
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: name, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: { [name]: { id: name, ids: [0], tokens: [name] } },
});

/** The kinds of tokenizer.json that models have, as small as they can be. */
const tokenizers: Record<string, object> = {
  /** GPT-2, Llama 3, Qwen */
  bytes: bpe(
    ['<s>', '</s>', '<unk>', 'a', 'b', 'c', 'Ġ', 'ab', 'Ġa', '1'],
    [
      ['a', 'b'],
      ['Ġ', 'a'],
    ],
    {
      added_tokens: [special(0, '<s>'), special(1, '</s>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { String: 'x' }, content: 'a' }],
      },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: ' ?\\p{L}+|\\p{N}{1,3}|\\s+' }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
        ],
      },
      post_processor: template('<s>'),
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    },
  ),
  /** Llama 2, Mistral */
  fallback: bpe(
    ['<unk>', '<s>', '</s>', '<0x61>', '<0xE2>', '▁', 'a', 'b', '▁a', 'ab'],
    [
      ['▁', 'a'],
      ['a', 'b'],
    ],
    {
      added_tokens: [special(0, '<unk>'), special(1, '<s>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: { byte_fallback: true, fuse_unk: true },
    },
  ),
  /** T5, Gemma */
  unigram: {
    added_tokens: [special(0, '<unk>')],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: {
      type: 'Unigram',
      unk_id: 0,
      byte_fallback: false,
      vocab: [
        ['<unk>', 0],
        ['▁', -1],
        ['a', -2],
        ['b', -2.5],
        ['ab', -1.5],
        ['▁a', -1.7],
      ],
    },
  },
  words: words(['a', 'b', 'ab', '##b', '1', 'user', 'assistant']),
};

const texts = ['', 'ab ab  a1 ²3\n', 'aé😀\u0000▁', 'a'.repeat(300)];

const tokenizer: Reader = {
  name: 'tokenizer',
  async seed(folder) {
    for (const [name, json] of Object.entries(tokenizers))
      await writeAll(join(folder, name), { 'tokenizer.json': json });
  },
  targets: Object.keys(tokenizers).map((name) => ({ file: `${name}/tokenizer.json`, format: 'json' })),
  read: (folder) =>
    each(Object.keys(tokenizers), async (name) => {
      const opened = await openTokenizer(join(folder, name));
      for (const text of texts) opened.decode(opened.encode(text), { skipSpecialTokens: true });
      opened.decode([0, 3, 5, 1e9]);
    }),
};

const chatTemplate = `{% for m in messages %}{% if m.role == 'assistant' and loop.index0 > 0 %}{{ bos_token + 'a ' }}{% generation %}{{ m['content'] | trim }}{% endgeneration %}{% else %}{{ m.role ~ ' ' ~ m.content }}{% endif %}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}a {% endif %}`;

const chat: Reader = {
  name: 'chat-template',
  seed: (folder) =>
    writeAll(folder, {
      'plain/tokenizer.json': tokenizers['words'],
      'plain/tokenizer_config.json': {
        bos_token: '<s>',
        eos_token: { content: '</s>', lstrip: false },
        chat_template: [{ name: 'default', template: chatTemplate }],
      },
      'plain/special_tokens_map.json': { bos_token: '<s>', additional_special_tokens: ['<x>'] },
      'plain/config.json': { bos_token_id: 0, eos_token_id: [1, 2] },
      'jinja/tokenizer.json': tokenizers['words'],
      'jinja/tokenizer_config.json': { bos_token: '<s>', eos_token: '</s>' },
      'jinja/chat_template.jinja': chatTemplate,
    }),
  targets: [
    { file: 'plain/tokenizer_config.json', format: 'json' },
    { file: 'plain/special_tokens_map.json', format: 'json' },
    { file: 'plain/config.json', format: 'json' },
    { file: 'jinja/chat_template.jinja', format: 'text' },
  ],
  read: (folder) =>
    each(['plain', 'jinja'], async (name) => {
      const opened = await openTokenizer(join(folder, name));
      const messages = [
        { role: 'user', content: 'ab' },
        { role: 'assistant', content: 'a b' },
      ];
      opened.renderChat(messages, { addGenerationPrompt: true });
    }),
};

const corpora = {
  'facts.jsonl': lines([{ text: 'Ada lives in Rome.' }, { text: 'Bob é 😀', n: 1 }, { text: '' }, { text: 'Cyd.' }]),
  'chat.jsonl': lines([
    {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    },
    {
      messages: [
        { role: 'user', content: 'ab' },
        { role: 'assistant', content: 'ba', more: 1 },
      ],
    },
  ]),
  'pages.txt': 'One line\r\nand another.\n\n  \nA paragraph.\n\nThe last',
};

const corpus: Reader = {
  name: 'corpus',
  seed: (folder) => writeAll(folder, corpora),
  targets: Object.keys(corpora).map((file) => ({ file, format: file.endsWith('txt') ? 'text' : 'json' })),
  read: (folder) =>
    each(Object.keys(corpora), (file) =>
      readCorpus([join(folder, file)], {
        split: 'paragraph',
        holdout: 0.2,
        ...(file === 'chat.jsonl' && { field: 'messages' }),
      }),
    ),
};

const tokenRows: Reader = {
  name: 'token-rows',
  async seed(folder) {
    const rows = [{ input_ids: [1, 2, 3, 4], labels: [1, -100, 3, 4] }, { input_ids: [5, 6, 7, 8] }];
    await writeAll(folder, { 'rows.jsonl': lines(rows) });
    await writeSafetensors(join(folder, 'rows.safetensors'), [
      integers('input_ids', [2, 4]),
      integers('labels', [2, 4]),
    ]);
  },
  targets: [
    { file: 'rows.jsonl', format: 'json' },
    { file: 'rows.safetensors', format: 'safetensors' },
  ],
  read: (folder) =>
    each(['rows.jsonl', 'rows.safetensors'], async (name) => {
      await firstTokenRows([join(folder, name)]);
      await readTokenRows([join(folder, name)]);
    }),
};

function integers(name: string, shape: number[]) {
  return {
    name,
    shape,
    dtype: 'I64' as const,
    async fill(_offset: number, target: Uint8Array) {
      for (let i = 0; i < target.length; i += 8) target[i] = i >> 3;
    },
  };
}

const own = {
  'choice.jsonl': lines([
    { context: 'a', choices: ['b', 'c'], answer: 0 },
    { context: '', choices: ['b', 'c', 'd'], answer: 2 },
  ]),
  'generate.jsonl': lines([
    { context: 'a', answer: 'b' },
    { context: 'b', answer: ['c', 'd'] },
  ]),
};

const tasks: Reader = {
  name: 'tasks-data',
  seed: (folder) => writeAll(folder, own),
  targets: Object.keys(own).map((file) => ({ file, format: 'json' })),
  async read(folder) {
    await readRecords([join(folder, 'choice.jsonl')], choiceRecord);
    await readRecords([join(folder, 'generate.jsonl')], generateRecord);
  },
};

/** A record of each layout that the benchmarks know. */
const records = [
  {
    question: {
      stem: 'Q',
      choices: [
        { text: 'a', label: 'A' },
        { text: 'b', label: 'B' },
      ],
    },
    answerKey: 'B',
  },
  { question: 'Q', choices: { text: ['a', 'b'], label: ['A', 'B'] }, answerKey: 'A' },
  { question_stem: 'Q', choices: { text: ['a', 'b'], label: ['A', 'B'] }, answerKey: 'A' },
  { activity_label: 'x', ctx_a: 'a [title] b', ctx_b: 'c', endings: ['d [x]', 'e'], label: '1' },
  { sentence: 'a _ b', option1: 'c', option2: 'd', answer: '2' },
  { goal: 'g', sol1: 'a', sol2: 'b', label: 1 },
  { question: 'Q', A: 'a', B: 'b', C: 'c', D: 'd', answer: 'C' },
  { question: 'Q', choices: ['a', 'b', 'c', 'd'], answer: 3, subject: 'anatomy' },
  { question: 'Q', mc1_targets: { choices: ['a', 'b'], labels: [1, 0] }, mc2_targets: { a: 1, b: 0 } },
  { question: 'Q', answer: 'thus\n#### 1,200' },
  { problem: '$1+1$', solution: 'It is $\\boxed{\\frac{1}{2}}$.', type: 'Algebra', level: 'Level 1' },
  { prompt: 'def f():\n', canonical_solution: '  pass\n', test: 'def check(f): pass', entry_point: 'f' },
  { text: 'Write f.', code: 'def f(): pass', test_list: ['assert 1', 'assert 2', 'assert 3'], task_id: 11 },
  { page: ' = A = \n \n Some @-@ text , ( here ) . \n' },
];
const csv = 'question,A,B,C,D,answer\nWhy?,a,"b, ""c""",c,d,B\r\n"two\nlines",1,2,3,4,A\n';
const fixtures = ['snappy', 'gzip', 'brotli'].map((name) => `${name}.parquet`);

const benchmark: Reader = {
  name: 'benchmark-data',
  async seed(folder) {
    await writeAll(folder, {
      'all.jsonl': lines(records),
      'list.json': records.slice(0, 3),
      'all.csv': csv,
      'packed.jsonl.gz': gzipSync(lines(records.slice(0, 2))),
    });
  },
  targets: [
    { file: 'all.jsonl', format: 'json' },
    { file: 'list.json', format: 'json' },
    { file: 'all.csv', format: 'text' },
    { file: 'packed.jsonl.gz', format: 'binary' },
  ],
  read: (folder) =>
    each(['all.jsonl', 'list.json', 'all.csv', 'packed.jsonl.gz'], async (name) => {
      for (const { record } of await readRecordFile(join(folder, name))) {
        for (const row of benchmarks) {
          if (row.form === 'group') continue;
          row.belongs?.(record, 'test');
          row.read(record);
        }
      }
    }),
};

const parquet: Reader = {
  name: 'parquet',
  async seed(folder) {
    for (const name of fixtures) await copyFile(join(root, 'test/unit/data/fixtures', name), join(folder, name));
  },
  targets: fixtures.map((file) => ({ file, format: 'binary' })),
  read: (folder) => each(fixtures, (name) => readRecordFile(join(folder, name))),
};

/** What a program of ours wrote, and a disk lost a part of. */
const tokenCache: Reader = {
  name: 'token-cache',
  async seed(folder) {
    await writeAll(folder, { 'a.jsonl': corpora['facts.jsonl'], 'words/tokenizer.json': tokenizers['words'] });
    await cached(folder);
    const [name] = await readdir(join(folder, 'cache'));
    await writeFile(join(folder, 'name'), name!);
    await copyFile(join(folder, 'cache', name!), join(folder, 'tokens'));
  },
  targets: [{ file: 'tokens', format: 'binary' }],
  async read(folder) {
    const name = await readFile(join(folder, 'name'), 'utf8');
    await copyFile(join(folder, 'tokens'), join(folder, 'cache', name));
    await cached(folder);
  },
};

async function cached(folder: string): Promise<unknown> {
  const source = { kind: 'text' as const, hash: 'b'.repeat(64), tokenizer: 'c'.repeat(64), field: 'text' };
  const opened = await openTokenizer(join(folder, 'words'));
  return loadTokenCorpus(source, [join(folder, 'a.jsonl')], opened, { cacheFolder: join(folder, 'cache') });
}

export const dataReaders = [tokenizer, chat, corpus, tokenRows, tasks, benchmark, parquet, tokenCache];
