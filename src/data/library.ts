import * as untyped from '@huggingface/tokenizers';

// The declarations of @huggingface/tokenizers 0.2.0 import each other without file extensions, which TypeScript does not
// resolve for ES modules in Node. These are the parts that Strata uses, written from its source.

export interface LibraryTokenizer {
  pre_tokenizer: object | null;
  decoder: object | null;
  model: object;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(
    ids: readonly number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
}
export interface DigitsPart {
  pattern: RegExp;
  config: { individual_digits?: boolean };
}
export interface MetaspacePart {
  replacement: string;
  pre_tokenize_text(text: string, options?: object): string[];
}
export interface ByteFallbackPart {
  text_decoder: { decode(bytes: Uint8Array): string };
}
export interface ModelPart {
  vocab: (string | undefined)[];
  tokens_to_ids: Map<string, number>;
  end_of_word_suffix?: string | null;
  continuing_subword_suffix?: string | null;
  ignore_merges?: boolean;
  encode(pieces: string[]): string[];
  /** Unigram only: the tokens of one piece. */
  tokenize?(piece: string): string[];
}

type Class<T> = new (...args: never[]) => T;

export const library = untyped as unknown as {
  Tokenizer: new (tokenizer: object, config: object) => LibraryTokenizer;
  SequencePreTokenizer: Class<{ tokenizers: (object | null)[] }>;
  DigitsPreTokenizer: Class<DigitsPart>;
  MetaspacePreTokenizer: Class<MetaspacePart>;
  SequenceDecoder: Class<{ decoders: object[] }>;
  ByteFallbackDecoder: Class<ByteFallbackPart>;
  BPE: Class<ModelPart>;
  Unigram: Class<ModelPart>;
};
