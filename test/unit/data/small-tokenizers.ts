import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../support.ts';

/** A folder with this tokenizer.json, if any, and more files. */
export async function tokenizerFolder(
  json: object | string | undefined,
  files: Record<string, object | string> = {},
): Promise<string> {
  const folder = await temporaryFolder();
  const all = json === undefined ? files : { 'tokenizer.json': json, ...files };
  for (const [name, content] of Object.entries(all))
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return folder;
}

/** tokenizer.json of a BPE over these tokens (ids in their order) and merges, as Python's `tokenizers` writes it. */
export function bpe(tokens: string[], merges: [string, string][], more: object = {}): Record<string, unknown> {
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...more,
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: false,
      byte_fallback: false,
      ...(more as { model?: object }).model,
      vocab: Object.fromEntries(tokens.map((t, i) => [t, i])),
      merges,
    },
  };
}

/** Words and letters by white space, BOS 0 in front, EOS 1: enough for corpora in tests. */
export function words(vocabulary: string[]): Record<string, unknown> {
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  return {
    added_tokens: [special(0, '<s>'), special(1, '</s>')],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
    },
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '<unk>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(['<s>', '</s>', '<unk>', ...vocabulary].map((t, i) => [t, i])),
    },
  };
}
export const wordsConfig = { 'tokenizer_config.json': { bos_token: '<s>', eos_token: '</s>' } };
