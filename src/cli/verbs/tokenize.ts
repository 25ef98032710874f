import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { exists } from '../../base/files.ts';
import { fail } from '../../base/problem.ts';
import { isConversation } from '../../data/chat.ts';
import { openTokenizer } from '../../data/tokenizer.ts';
import type { Tokenizer } from '../../data/types.ts';
import { modelFolder } from '../model-argument.ts';
import type { Verb } from '../verb.ts';

interface Request {
  text?: unknown;
  add_special_tokens?: unknown;
  messages?: unknown;
  add_generation_prompt?: unknown;
}

/** JSON lines on stdin: `{text, add_special_tokens?}` → `{ids}`; with --chat `{messages, add_generation_prompt?}` → `{text, ids}`. */
export const tokenize: Verb = {
  name: 'tokenize',
  summary: 'token ids of texts or conversations: JSON lines from stdin to stdout',
  configure(command) {
    command
      .argument('<model>', 'folder with tokenizer.json, a run, or an id in the local Hugging Face cache')
      .option('--chat', 'lines are {messages, add_generation_prompt?}; prints {text, ids}');
  },
  async run(io, [model = ''], options) {
    const tokenizer = await openTokenizer(await tokenizerFolder(model, io.cwd));
    const answer = options['chat'] === true ? chat : text;
    let line = 0;
    for await (const record of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++;
      if (record.trim() !== '') io.out(JSON.stringify(answer(tokenizer, parse(record, line), `stdin:${line}`)));
    }
    return 0;
  },
};

/** A model folder, or a run's `model/`: only the tokenizer's files need be there. */
async function tokenizerFolder(model: string, cwd: string): Promise<string> {
  const folder = await modelFolder(model, cwd);
  const inRun = join(folder, 'model');
  return !(await exists(join(folder, 'tokenizer.json'))) && (await exists(join(inRun, 'tokenizer.json')))
    ? inRun
    : folder;
}

function parse(record: string, line: number): Request {
  try {
    const value: unknown = JSON.parse(record);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below, together with values that are no object.
  }
  return fail('invalid-json-line', 'This line is not a JSON object.', {
    place: `stdin:${line}`,
    remedy: 'Give one JSON object a line.',
  });
}

function text(tokenizer: Tokenizer, request: Request, place: string): { ids: number[] } {
  const { text, add_special_tokens: addSpecialTokens } = request;
  if (typeof text !== 'string')
    fail('invalid-request', 'The key `text` is missing or no string.', {
      place,
      remedy: 'Give {"text": "…"}, or use --chat for {"messages": […]}.',
    });
  return { ids: tokenizer.encode(text, { addSpecialTokens: addSpecialTokens !== false }) };
}

function chat(tokenizer: Tokenizer, request: Request, place: string): { text: string; ids: number[] } {
  const messages = request.messages;
  if (!isConversation(messages))
    fail('invalid-request', 'The key `messages` is missing or no list of {role, content}.', {
      place,
      remedy: 'Give {"messages": [{"role": "user", "content": "…"}]}.',
    });
  const rendered = tokenizer.renderChat(messages, { addGenerationPrompt: request.add_generation_prompt === true });
  // The template has written the special tokens already.
  return { text: rendered, ids: tokenizer.encode(rendered, { addSpecialTokens: false }) };
}
