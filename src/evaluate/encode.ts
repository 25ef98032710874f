import { fail } from '../base/problem.ts';
import type { Tokenizer } from '../data/types.ts';
import { splitTrailingSpace } from '../tasks/python-text.ts';

/** Text → ids as the reference harness does it (lm_eval/models/huggingface.py `tok_encode`, api/model.py `_encode_pair`). */
export interface Encoder {
  /** Stands in for an empty context: BOS, else EOS. */
  readonly prefixId: number;
  /** With the special tokens the tokenizer adds; a text that already begins with BOS does not get a second one. */
  encode(text: string): number[];
  /**
   * Context and continuation of a scored request. Whitespace at the context's end belongs to the continuation; the cut is
   * at the length of the context's own encoding. Where a token spans that cut and nothing would be left, the
   * continuation is encoded alone (the harness asserts there). Fails with `invalid-continuation`.
   */
  pair(context: string, continuation: string): { context: number[]; continuation: number[] };
}

export function createEncoder(tokenizer: Tokenizer): Encoder {
  const prefixId = tokenizer.bosId ?? tokenizer.eosId;
  if (prefixId === undefined) {
    fail('no-prefix-token', 'The tokenizer has neither a BOS nor an EOS token to score a first token after.', {
      remedy: 'Name one in tokenizer_config.json.',
    });
  }
  const bosText =
    tokenizer.bosId === undefined ? '' : tokenizer.decode([tokenizer.bosId], { skipSpecialTokens: false });

  const encode = (text: string) =>
    tokenizer.encode(text, { addSpecialTokens: !(bosText !== '' && text.startsWith(bosText)) });

  // The choices of a question follow each other, so one context is remembered.
  let last: { text: string; ids: number[] } | undefined;
  function encodeContext(text: string): number[] {
    if (last?.text !== text) last = { text, ids: encode(text) };
    return last.ids;
  }

  function pair(context: string, continuation: string) {
    if (context === '') return emptyContext(continuation);
    const { kept, space } = splitTrailingSpace(context);
    const contextIds = encodeContext(kept);
    // Nothing but whitespace, where no BOS is added.
    if (contextIds.length === 0) return emptyContext(space + continuation);
    const whole = encode(kept + space + continuation);
    const ids = whole.slice(contextIds.length);
    return { context: contextIds, continuation: ids.length > 0 ? ids : alone(space + continuation) };
  }

  function emptyContext(continuation: string) {
    const ids = alone(continuation);
    return ids[0] === prefixId && ids.length > 1
      ? { context: ids.slice(0, 1), continuation: ids.slice(1) }
      : { context: [prefixId as number], continuation: ids };
  }

  function alone(continuation: string): number[] {
    const ids = tokenizer.encode(continuation, { addSpecialTokens: false });
    if (ids.length === 0) {
      fail('invalid-continuation', 'A continuation has no tokens, so there is nothing to score.', {
        remedy: 'Give every request and every choice a text that is not empty.',
      });
    }
    return ids;
  }

  return { prefixId, encode, pair };
}
