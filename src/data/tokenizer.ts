import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, readJsonIfThere } from '../base/files.ts';
import { isRecord } from '../base/guards.ts';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import { type ChatTemplate, chatTemplate, defaultTemplate, type SpecialTokens } from './chat.ts';
import { library as hub, type LibraryTokenizer } from './library.ts';
import { type PreTokenizerConfig, repair } from './tokenizer-repairs.ts';
import type { Tokenizer } from './types.ts';

/** Files of a model folder that decide ids, texts and rendered conversations. */
const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja'];

interface TokenizerJson {
  added_tokens?: { id: number; content: string }[] | null;
  normalizer?: unknown;
  pre_tokenizer?: PreTokenizerConfig | null;
  post_processor?: unknown;
  decoder?: unknown;
  model: { vocab: Record<string, number> | [string, number][] };
}

/**
 * Opens the tokenizer of a model folder. tokenizer.json is followed as written: `add_bos_token` and the class named in
 * tokenizer_config.json change nothing.
 * Fails with `tokenizer-missing`, `tokenizer-not-converted` (only tokenizer.model) or `tokenizer-broken`.
 */
export async function openTokenizer(folder: string): Promise<Tokenizer> {
  const place = join(folder, 'tokenizer.json');
  if (!(await exists(place))) await missing(folder);
  const json = await readTokenizerJson(place);
  const special = await specialTokens(folder);
  const library = build(json, place);
  const idOf = (token: string | undefined) => (token === undefined ? undefined : library.token_to_id(token));
  const config = await readSettings(join(folder, 'config.json'));
  const bosId = idOf(special['bos_token']) ?? firstId(config['bos_token_id']);
  const eosId = idOf(special['eos_token']) ?? firstId(config['eos_token_id']);
  const size = highestId(json) + 1;
  const template = await findTemplate(folder, special);
  const encode = (text: string, addSpecialTokens = true) =>
    library.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  return {
    encode: (text, options) => encode(text, options?.addSpecialTokens),
    decode(ids, options) {
      // The library refuses an empty list, and an id without a token would stop its decoders.
      const known = ids.filter((id) => library.id_to_token(id) !== undefined);
      if (known.length === 0) return '';
      return library.decode(known, {
        skip_special_tokens: options?.skipSpecialTokens ?? false,
        clean_up_tokenization_spaces: false,
      });
    },
    renderChat(messages, options) {
      if (!template)
        fail('no-chat-template', 'This tokenizer has no chat template.', {
          place: folder,
          remedy: 'Use a chat model, or put a chat_template.jinja beside its tokenizer.json.',
        });
      return template.render(messages, options?.addGenerationPrompt ?? false);
    },
    hasChatTemplate: template !== undefined,
    chatTemplate: template,
    bosId,
    eosId,
    addsBos: bosId !== undefined && encode('')[0] === bosId,
    addsEos: eosId !== undefined && encode('').at(-1) === eosId,
    size,
  };
}

/** sha256 over the files that decide ids and rendered conversations; the tokenizer's part in a corpus' identity. */
export async function hashTokenizer(folder: string): Promise<string> {
  const hashes: Record<string, string> = {};
  for (const name of tokenizerFiles) {
    const path = join(folder, name);
    if (await exists(path)) hashes[name] = sha256(await readFile(path));
  }
  return sha256(canonicalJson(hashes));
}

async function missing(folder: string): Promise<never> {
  if (await exists(join(folder, 'tokenizer.model')))
    fail('tokenizer-not-converted', 'The tokenizer is there only as tokenizer.model (SentencePiece).', {
      place: folder,
      remedy:
        'Convert it once with transformers: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes tokenizer.json.',
    });
  fail('tokenizer-missing', 'There is no tokenizer.json in this folder.', {
    place: folder,
    remedy: "Copy the model's tokenizer.json and tokenizer_config.json into it.",
  });
}

function broken(place: string, why: string): never {
  fail('tokenizer-broken', `The tokenizer cannot be read: ${why}`, {
    place,
    remedy: 'Download or convert tokenizer.json again.',
  });
}

async function readTokenizerJson(place: string): Promise<TokenizerJson> {
  const text = await readFile(place, 'utf8');
  let json: Partial<TokenizerJson> | null;
  try {
    json = JSON.parse(text) as Partial<TokenizerJson> | null;
  } catch (error) {
    broken(place, error instanceof Error ? error.message : String(error));
  }
  const vocab = json?.model?.vocab;
  if (json === null || typeof vocab !== 'object' || vocab === null) broken(place, 'model.vocab is missing.');
  checkIds(json as TokenizerJson, place);
  return json as TokenizerJson;
}

/** Ids index lists: one that is damaged would make a list of billions. */
const idLimit = 2 ** 22;

function checkIds({ model: { vocab }, added_tokens }: TokenizerJson, place: string): void {
  const check = (token: unknown, id: unknown) => {
    const isId = typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < idLimit;
    if (typeof token !== 'string' || !isId)
      broken(place, `${shown(token)} has the id ${shown(id)}, which cannot be one.`);
  };
  if (!Array.isArray(vocab)) for (const [token, id] of Object.entries(vocab)) check(token, id);
  else if (!vocab.every((entry: unknown) => Array.isArray(entry) && typeof entry[0] === 'string'))
    broken(place, 'model.vocab is no list of tokens with their scores.');
  const added: unknown = added_tokens ?? [];
  if (!Array.isArray(added)) broken(place, 'added_tokens is no list.');
  for (const token of added as ({ id?: unknown; content?: unknown } | null)[]) check(token?.content, token?.id);
}

function build(json: TokenizerJson, place: string): LibraryTokenizer {
  const whole = {
    added_tokens: json.added_tokens ?? [],
    normalizer: json.normalizer ?? null,
    pre_tokenizer: json.pre_tokenizer ?? null,
    post_processor: json.post_processor ?? null,
    decoder: json.decoder ?? null,
    model: json.model,
  };
  try {
    const library = new hub.Tokenizer(whole, {});
    repair(library, whole.pre_tokenizer);
    return library;
  } catch (error) {
    broken(place, error instanceof Error ? error.message : String(error));
  }
}

function highestId(json: TokenizerJson): number {
  const { vocab } = json.model;
  let highest = Array.isArray(vocab) ? vocab.length - 1 : -1;
  if (!Array.isArray(vocab)) for (const id of Object.values(vocab)) highest = Math.max(highest, id);
  for (const { id } of json.added_tokens ?? []) highest = Math.max(highest, id);
  return highest;
}

/** A JSON object beside tokenizer.json; {} where there is none. */
async function readSettings(place: string): Promise<Record<string, unknown>> {
  const value = await readJsonIfThere<unknown>(place).catch((error: unknown) => {
    if (error instanceof SyntaxError) broken(place, error.message);
    throw error;
  });
  if (value === undefined) return {};
  return isRecord(value) ? value : broken(place, 'it is no JSON object.');
}

/** Special tokens of tokenizer_config.json, then special_tokens_map.json; a token is a string or `{content}`. */
async function specialTokens(folder: string): Promise<SpecialTokens> {
  const out: SpecialTokens = {};
  for (const name of ['special_tokens_map.json', 'tokenizer_config.json']) {
    for (const [key, value] of Object.entries(await readSettings(join(folder, name)))) {
      const token = typeof value === 'string' ? value : (value as { content?: unknown } | null)?.content;
      if (key.endsWith('_token') && typeof token === 'string') out[key] = token;
    }
  }
  return out;
}

/** chat_template.jinja goes before tokenizer_config.json's `chat_template`, as in transformers. */
async function findTemplate(folder: string, special: SpecialTokens): Promise<ChatTemplate | undefined> {
  const file = join(folder, 'chat_template.jinja');
  if (await exists(file)) return chatTemplate(await readFile(file, 'utf8'), special, file);
  const place = join(folder, 'tokenizer_config.json');
  const source = defaultTemplate((await readSettings(place))['chat_template']);
  return source === undefined ? undefined : chatTemplate(source, special, place);
}

function firstId(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'number' ? first : undefined;
}
