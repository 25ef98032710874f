import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Failure } from '../../../src/base/problem.ts';
import { chatEncoder } from '../../../src/data/chat-corpus.ts';
import { openTokenizer } from '../../../src/data/tokenizer.ts';
import type { ChatMessage, TokenDocument, Tokenizer } from '../../../src/data/types.ts';
import { data, needsShared } from '../../support.ts';
import { bpe, tokenizerFolder } from './small-tokenizers.ts';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });

/** What is learnt, as texts of the runs of labels. */
function learnt(tokenizer: Tokenizer, { ids, labels }: TokenDocument): string[] {
  assert.equal(ids.length, labels.length);
  const runs: number[][] = [];
  for (const [i, label] of labels.entries()) {
    if (label === -100) continue;
    assert.equal(label, ids[i]);
    if (i === 0 || labels[i - 1] === -100) runs.push([]);
    runs.at(-1)!.push(label);
  }
  return runs.map((run) => tokenizer.decode(run));
}

describe('a template in the layout of Llama 3', () => {
  test('the turns of the assistant and the tokens that end them are learnt', needsShared, async () => {
    const tokenizer = await openTokenizer(data('reference/tiny-bpe-tokenizer'));
    const encode = chatEncoder(tokenizer);
    const messages = [user('Hi'), assistant('Hello there.'), user('  1 + 1? '), assistant(' 2\n'), user('ok')];
    const document = encode(messages, 'x:1');
    assert.deepEqual(learnt(tokenizer, document), ['Hello there.<|eot_id|>', '2<|eot_id|>']);
    const whole = tokenizer.encode(tokenizer.renderChat(messages), { addSpecialTokens: false });
    assert.deepEqual(document.ids, whole, 'the ids are those of the whole text');
    assert.equal(document.ids.filter((id) => id === tokenizer.bosId).length, 1, 'the template wrote BOS, once');
  });

  test('a system prompt and a last turn of the assistant', needsShared, async () => {
    const tokenizer = await openTokenizer(data('reference/tiny-bpe-tokenizer'));
    const document = chatEncoder(tokenizer)(
      [{ role: 'system', content: 'Be kind.' }, user('naïve 日本 😀?'), assistant('日本 😀')],
      'x:1',
    );
    assert.deepEqual(learnt(tokenizer, document), ['日本 😀<|eot_id|>']);
  });

  test('a conversation without an answer', needsShared, async () => {
    const encode = chatEncoder(await openTokenizer(data('reference/tiny-bpe-tokenizer')));
    assert.throws(
      () => encode([user('Hi')], 'chat.jsonl:7'),
      (e: Failure) => e.problem.code === 'no-assistant-turn' && e.problem.place === 'chat.jsonl:7',
    );
  });
});

describe('other templates', () => {
  const letters = ['<unk>', ...'UA:>abcdef \n', 'ab', '> ', ': '];
  const withTemplate = async (template: string, merges: [string, string][] = []) =>
    openTokenizer(
      await tokenizerFolder(bpe(letters, merges, { decoder: { type: 'Fuse' } }), { 'chat_template.jinja': template }),
    );

  test('{% generation %} marks what is learnt', async () => {
    const tokenizer = await withTemplate(
      `{%- for m in messages -%}
      {%- if m.role == 'user' -%}
        U:{{ m.content }}
      {%- else -%}
        A:
        {%- generation -%}
        {{ m.content }}>
        {%- endgeneration -%}
      {%- endif -%}
      {%- endfor -%}`,
    );
    const document = chatEncoder(tokenizer)([user('ab'), assistant('cd'), user('a'), assistant('ef')], 'x:1');
    assert.equal(tokenizer.renderChat([user('ab'), assistant('cd')]), 'U:abA:cd>');
    assert.deepEqual(learnt(tokenizer, document), ['cd>', 'ef>']);
  });

  test('{% generation %} on lines of their own', async () => {
    const tokenizer = await withTemplate(
      `{% for m in messages %}
{{ m.role[0]|upper }}:
  {% generation %}
{{ m.content }}>
  {% endgeneration %}
{% endfor %}`,
    );
    const document = chatEncoder(tokenizer)([user('ab'), assistant('cd')], 'x:1');
    assert.equal(tokenizer.renderChat([user('ab'), assistant('cd')]), 'U:\nab>\nA:\ncd>\n');
    assert.deepEqual(learnt(tokenizer, document), ['ab>\n', 'cd>\n']);
  });

  test('a token that straddles the border belongs to the assistant', async () => {
    const template = `{% for m in messages %}{{ 'U:' if m.role == 'user' else 'A:' }}{{ m.content }}{% endfor %}{% if add_generation_prompt %}A:{% endif %}`;
    const tokenizer = await withTemplate(template, [[':', ' ']]);
    const document = chatEncoder(tokenizer)([user('c'), assistant(' d'), user('e')], 'x:1');
    // "A" ": " "d": the token ": " holds the first character of the answer.
    assert.deepEqual(
      document.labels.filter((l) => l !== -100),
      [letters.indexOf(': '), letters.indexOf('d')],
    );
  });

  test('a template whose earlier turns change is refused with the remedy', async () => {
    const tokenizer = await withTemplate(
      `{% for m in messages %}{{ m.content if loop.last else 'c' }}{% endfor %}{% if add_generation_prompt %}A:{% endif %}`,
    );
    assert.throws(
      () => chatEncoder(tokenizer)([user('a'), assistant('b')], 'x:1'),
      (e: Failure) => e.problem.code === 'chat-spans-unclear' && /generation/.test(e.problem.remedy ?? ''),
    );
  });
});
