import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Failure } from '../../../src/base/problem.ts';
import { cutter } from '../../../src/data/cut.ts';
import { library } from '../../../src/data/library.ts';
import { hashTokenizer, openTokenizer } from '../../../src/data/tokenizer.ts';
import { data, needsShared } from '../../support.ts';
import { bpe, tokenizerFolder, words, wordsConfig } from './small-tokenizers.ts';

interface Case {
  text: string;
  ids: number[];
  ids_without_special: number[];
}
async function reference(folder: string): Promise<{
  tokenizer_cases: Case[];
  encodings: Case[];
  chat: {
    messages: { role: string; content: string }[];
    add_generation_prompt: boolean;
    text: string;
    ids: number[];
  }[];
}> {
  return JSON.parse(await readFile(join(data(folder), 'reference.json'), 'utf8'));
}

describe('ids of the reference implementation', () => {
  for (const [folder, key] of [
    ['reference/stories260k-hf', 'tokenizer_cases'],
    ['reference/tiny-bpe-tokenizer', 'encodings'],
  ] as const)
    test(folder, needsShared, async () => {
      const tokenizer = await openTokenizer(data(folder));
      for (const { text, ids, ids_without_special } of (await reference(folder))[key]) {
        assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
        assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids_without_special);
      }
    });

  test('conversations, rendered and encoded', needsShared, async () => {
    const tokenizer = await openTokenizer(data('reference/tiny-bpe-tokenizer'));
    for (const c of (await reference('reference/tiny-bpe-tokenizer')).chat) {
      const text = tokenizer.renderChat(c.messages, { addGenerationPrompt: c.add_generation_prompt });
      assert.equal(text, c.text);
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), c.ids);
    }
  });

  // Expected values: Python tokenizers 0.23.3 with the same tokenizer.json.
  test('Digits takes every number character', async () => {
    const tokens = ['<unk>', '1', '2', '²', 'Ⅷ', 'a', '丈', '12', '1²', '²1', 'a1', ' '];
    const merges: [string, string][] = [
      ['1', '2'],
      ['1', '²'],
      ['²', '1'],
      ['a', '1'],
    ];
    const table: [boolean, string, number[]][] = [
      [true, 'a1', [5, 1]],
      [true, '12', [1, 2]],
      [true, '²1丈', [3, 1, 6]],
      [true, 'aⅧ1²2', [5, 4, 1, 3, 2]],
      [false, '12', [7]],
      [false, '²1丈', [9, 6]],
      [false, 'aⅧ1²2', [5, 4, 8, 2]],
    ];
    for (const [individual, text, ids] of table) {
      const digits = { pre_tokenizer: { type: 'Digits', individual_digits: individual } };
      const tokenizer = await openTokenizer(await tokenizerFolder(bpe(tokens, merges, digits)));
      assert.deepEqual(tokenizer.encode(text), ids, text);
    }
  });

  test('Metaspace cuts before each mark unless split is false', async () => {
    const tokens = ['<unk>', '▁', 'a', 'b', '▁▁', '▁a', '▁▁a', 'a▁', 'ab'];
    const merges: [string, string][] = [
      ['▁', '▁'],
      ['▁', 'a'],
      ['▁▁', 'a'],
      ['a', '▁'],
      ['a', 'b'],
    ];
    const table: [boolean, string, string, number[]][] = [
      [true, 'always', '  a', [1, 5]],
      [true, 'always', 'a  a ', [5, 1, 5, 1]],
      [true, 'first', 'a b', [5, 1, 3]],
      [true, 'never', 'ab   ab', [8, 1, 1, 5, 3]],
      [false, 'always', '  a', [6]],
      [false, 'always', 'a  a ', [5, 6, 1]],
      [false, 'never', 'a b', [7, 3]],
    ];
    for (const [split, scheme, text, ids] of table) {
      const metaspace = { pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split } };
      const tokenizer = await openTokenizer(await tokenizerFolder(bpe(tokens, merges, metaspace)));
      assert.deepEqual(tokenizer.encode(text), ids, `${split} ${scheme} ${text}`);
    }
  });

  test('byte fallback keeps the byte-order mark, and shows broken UTF-8 byte by byte', async () => {
    const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
    const json = bpe(['<unk>', ...bytes, 'a'], [], {
      decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
      model: { byte_fallback: true },
    });
    const tokenizer = await openTokenizer(await tokenizerFolder(json));
    assert.deepEqual(tokenizer.encode('\ufeffa'), [240, 188, 192, 257]);
    assert.equal(tokenizer.decode([240, 188, 192, 257]), '\ufeffa');
    assert.equal(tokenizer.decode([1 + 0xe2, 1 + 0x82, 257, 1 + 0xff]), '\ufffd\ufffda\ufffd');
  });

  test('nothing to decode, and ids that no token has', async () => {
    const tokenizer = await openTokenizer(await tokenizerFolder(bpe(['<unk>', 'a'], [])));
    assert.equal(tokenizer.decode([]), '');
    assert.equal(tokenizer.decode([9999]), '');
    assert.equal(tokenizer.decode([1, 9999]), 'a');
  });
});

describe('long texts', () => {
  test('a text without pre-tokenizer has the same ids whole and cut where no token spans', needsShared, async () => {
    const json = JSON.parse(await readFile(data('reference/stories260k-hf/tokenizer.json'), 'utf8'));
    const text = (await readFile(data('tinyshakespeare/input.txt'), 'utf8')).slice(0, 6000);
    const tokenizer = await openTokenizer(data('reference/stories260k-hf'));
    const unrepaired = new library.Tokenizer(json, {});
    assert.deepEqual(tokenizer.encode(text), unrepaired.encode(text, { add_special_tokens: true }).ids);
  });

  test('Unigram does not overflow the stack', async () => {
    const json = {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      post_processor: null,
      decoder: null,
      model: {
        type: 'Unigram',
        unk_id: 0,
        byte_fallback: false,
        vocab: [
          ['<unk>', 0],
          ['▁a', -1],
          ['a', -2],
          ['b', -3],
          ['ab', -2.5],
        ],
      },
    };
    const tokenizer = await openTokenizer(await tokenizerFolder(json));
    assert.deepEqual(tokenizer.encode('ab a'), [1, 3, 1]);
    assert.equal(tokenizer.encode('ab '.repeat(300_000)).length, 600_001);
    assert.equal(tokenizer.encode('b'.repeat(600_000)).length, 600_001);
    assert.equal(tokenizer.encode('ab'.repeat(150_000)).length, 150_001);
  });

  test('a cut never falls between characters that a token joins', () => {
    const token = fc.string({ unit: fc.constantFrom('a', 'b', '▁', '😀'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 8 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '▁', '😀') }),
        (vocabulary, text) => {
          const parts = cutter(vocabulary)(text);
          assert.equal(parts.join(''), text);
          let at = 0;
          for (const part of parts.slice(0, -1)) {
            at += part.length;
            for (const t of vocabulary)
              for (let k = 1; k < t.length; k++) {
                const spans = text.slice(at - k, at - k + t.length) === t && at - k >= 0;
                assert.ok(!spans, `${t} spans ${at} of ${text}`);
              }
          }
        },
      ),
    );
  });
});

describe('what the folder says', () => {
  test('special tokens, BOS and size', needsShared, async () => {
    const stories = await openTokenizer(data('reference/stories260k-hf'));
    assert.deepEqual(
      [stories.bosId, stories.eosId, stories.addsBos, stories.addsEos, stories.size],
      [1, 2, true, false, 512],
    );
    const tiny = await openTokenizer(data('reference/tiny-bpe-tokenizer'));
    assert.deepEqual(
      [tiny.bosId, tiny.eosId, tiny.addsBos, tiny.hasChatTemplate, tiny.size],
      [507, 511, true, true, 512],
    );
  });

  test('BOS is added if encode adds it, whatever add_bos_token says', async () => {
    const config = { 'tokenizer_config.json': { bos_token: { content: '<s>' }, add_bos_token: false } };
    assert.equal((await openTokenizer(await tokenizerFolder(words(['a']), config))).addsBos, true);
  });

  test('ids of config.json stand in for a missing tokenizer_config.json', async () => {
    const config = { 'config.json': { bos_token_id: 0, eos_token_id: [1, 2] } };
    const tokenizer = await openTokenizer(await tokenizerFolder(words(['a']), config));
    assert.deepEqual([tokenizer.bosId, tokenizer.eosId], [0, 1]);
  });

  test('chat_template.jinja goes before tokenizer_config.json', async () => {
    const folder = await tokenizerFolder(words(['a']), {
      'tokenizer_config.json': { bos_token: '<s>', chat_template: [{ name: 'default', template: 'config' }] },
      'chat_template.jinja':
        '{{ bos_token }}{% for m in messages %}{{ m.role }}{% endfor %}{% if tools is none %}!{% endif %}',
    });
    assert.equal((await openTokenizer(folder)).renderChat([{ role: 'user', content: 'x' }]), '<s>user!');
  });

  test('the hash covers every file that decides ids or conversations', async () => {
    const a = await tokenizerFolder(words(['a']), wordsConfig);
    const same = await tokenizerFolder(words(['a']), wordsConfig);
    const other = await tokenizerFolder(words(['a']), { ...wordsConfig, 'chat_template.jinja': 'x' });
    assert.equal(await hashTokenizer(a), await hashTokenizer(same));
    assert.notEqual(await hashTokenizer(a), await hashTokenizer(other));
  });
});

describe('what is wrong is said with a remedy', () => {
  const rejects = async (folder: string, code: string, pattern: RegExp) =>
    assert.rejects(openTokenizer(folder), (error: Failure) => {
      assert.equal(error.problem.code, code);
      assert.match(`${error.problem.message} ${error.problem.remedy}`, pattern);
      return true;
    });

  test('no tokenizer.json', async () =>
    rejects(await tokenizerFolder(undefined), 'tokenizer-missing', /tokenizer\.json/));
  test('only tokenizer.model', async () =>
    rejects(
      await tokenizerFolder(undefined, { 'tokenizer.model': 'x' }),
      'tokenizer-not-converted',
      /save_pretrained/,
    ));
  test('cut off', async () => rejects(await tokenizerFolder('{"model": {"voc'), 'tokenizer-broken', /cannot be read/));
  test('without a model', async () => rejects(await tokenizerFolder('{}'), 'tokenizer-broken', /vocab/));
  test('of an unknown type', async () =>
    rejects(
      await tokenizerFolder(bpe(['a'], [], { pre_tokenizer: { type: 'Oracle' } })),
      'tokenizer-broken',
      /Oracle/,
    ));
  test('a broken chat template', async () =>
    rejects(
      await tokenizerFolder(words([]), { 'chat_template.jinja': '{% for %}' }),
      'chat-template-broken',
      /template/,
    ));
  test('no chat template', async () => {
    const tokenizer = await openTokenizer(await tokenizerFolder(words([])));
    assert.throws(
      () => tokenizer.renderChat([]),
      (e: Failure) => e.problem.code === 'no-chat-template',
    );
  });
});
