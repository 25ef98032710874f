import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Failure } from '../../../src/base/problem.ts';
import { chatEncoder } from '../../../src/data/chat-corpus.ts';
import { openTokenizer } from '../../../src/data/tokenizer.ts';
import type { ChatMessage, Tokenizer } from '../../../src/data/types.ts';
import { tokenizerFolder } from './small-tokenizers.ts';

/** A conversation as transformers renders it (fixtures/chat/make.py). */
interface Case {
  messages: ChatMessage[];
  add_generation_prompt: boolean;
  /** The template refuses it. */
  refused?: true;
  text: string;
  ids: number[];
  /** Places in `ids` that the assistant wrote. */
  written: number[];
}
interface Format {
  tokenizer: object;
  config: object;
  plain: string;
  /** The same with `{% generation %}` around what the assistant writes. */
  tagged: string;
  cases: Case[];
}

async function open(name: string, template: 'plain' | 'tagged'): Promise<{ tokenizer: Tokenizer; cases: Case[] }> {
  const file = new URL(`./fixtures/chat/${name}.json`, import.meta.url);
  const format = JSON.parse(await readFile(file, 'utf8')) as Format;
  const folder = await tokenizerFolder(format.tokenizer, {
    'tokenizer_config.json': format.config,
    'chat_template.jinja': format[template],
  });
  return { tokenizer: await openTokenizer(folder), cases: format.cases };
}

const shown = ({ messages, add_generation_prompt }: Case) =>
  `${JSON.stringify(messages)}${add_generation_prompt ? ' with generation prompt' : ''}`;

for (const name of ['llama3', 'qwen2.5', 'mistral', 'chatml'])
  describe(`chats in the format of ${name}`, () => {
    test('text and ids are those of transformers, and what it refuses is refused', async () => {
      const { tokenizer, cases } = await open(name, 'plain');
      for (const c of cases) {
        const render = () => tokenizer.renderChat(c.messages, { addGenerationPrompt: c.add_generation_prompt });
        if (c.refused) {
          assert.throws(render, (e: Failure) => e.problem.code === 'chat-refused', shown(c));
          continue;
        }
        const text = render();
        assert.equal(text, c.text);
        assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), c.ids, shown(c));
      }
    });

    for (const [template, how] of [
      ['tagged', 'marked in the template'],
      ['plain', 'found by rendering'],
    ] as const)
      test(`exactly the assistant's tokens are learnt: ${how}`, async () => {
        const { tokenizer, cases } = await open(name, template);
        const encode = chatEncoder(tokenizer);
        let checked = 0;
        for (const c of cases) {
          if (c.refused || c.add_generation_prompt || !c.messages.some((m) => m.role === 'assistant')) continue;
          const { ids, labels } = encode(c.messages, 'x:1');
          assert.deepEqual(ids, c.ids, shown(c));
          assert.deepEqual(
            labels.flatMap((label, i) => (label === -100 ? [] : [i])),
            c.written,
            shown(c),
          );
          checked++;
        }
        assert.ok(checked >= 9, String(checked));
      });

    test('both ways find the same tokens, whatever is said', async () => {
      const [marked, rendered] = [await open(name, 'tagged'), await open(name, 'plain')];
      const [byMarks, byRendering] = [chatEncoder(marked.tokenizer), chatEncoder(rendered.tokenizer)];
      fc.assert(
        fc.property(conversation, (messages) => {
          assert.deepEqual(byRendering(messages, 'x:1'), byMarks(messages, 'x:1'));
        }),
        { numRuns: 30 },
      );
    });
  });

const said = fc
  .array(fc.constantFrom('a', 'im', ' ', '\n', 'Hello.', '|>', 'é', '😀', 'user', '[INST]', '</s>', '$&'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''))
  .filter((text) => text.trim() !== '');
const conversation = fc
  .tuple(fc.option(said), fc.array(fc.tuple(said, said), { minLength: 1, maxLength: 4 }))
  .map(([system, turns]): ChatMessage[] => [
    ...(system === null ? [] : [{ role: 'system', content: system }]),
    ...turns.flatMap(([question, answer]) => [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ]),
  ]);
