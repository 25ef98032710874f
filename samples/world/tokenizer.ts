import { byteCharacters, splitPattern, trainBpe } from './bpe.ts';

export const bos = { id: 0, content: '<s>' };
export const eos = { id: 1, content: '</s>' };

const special = ({ id, content }: { id: number; content: string }) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** tokenizer.json and tokenizer_config.json of a byte-level BPE trained on these texts, with BOS in front of every text. */
export function makeTokenizer(texts: Iterable<string>): { json: object; config: object; size: number } {
  const merges = trainBpe(texts);
  const tokens = [bos.content, eos.content, ...[...byteCharacters].sort(), ...merges.map((pair) => pair.join(''))];
  const begin = { SpecialToken: { id: bos.content, type_id: 0 } };
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(bos), special(eos)],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: splitPattern }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [begin, sequence('A')],
      pair: [begin, sequence('A'), begin, sequence('B')],
      special_tokens: { [bos.content]: { id: bos.content, ids: [bos.id], tokens: [bos.content] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: bos.content,
    eos_token: eos.content,
    model_max_length: 256,
    clean_up_tokenization_spaces: false,
  };
  return { json, config, size: tokens.length };
}
