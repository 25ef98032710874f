import { cutter } from './cut.ts';
import {
  type ByteFallbackPart,
  type DigitsPart,
  type LibraryTokenizer,
  library,
  type MetaspacePart,
  type ModelPart,
} from './library.ts';

/** The part of tokenizer.json that the repairs look at. */
export interface PreTokenizerConfig {
  type?: string;
  pretokenizers?: PreTokenizerConfig[];
  split?: boolean;
}

/**
 * Brings a tokenizer of @huggingface/tokenizers 0.2.0 to the ids and texts of the reference implementation (Rust `tokenizers`
 * 0.23) where the two differ. Every repair is one function on the live object.
 */
export function repair(tokenizer: LibraryTokenizer, preTokenizer: PreTokenizerConfig | null | undefined): void {
  for (const [part, config] of preTokenizers(tokenizer.pre_tokenizer, preTokenizer ?? {})) {
    if (part instanceof library.DigitsPreTokenizer) digitsAreAllNumbers(part);
    if (part instanceof library.MetaspacePreTokenizer) metaspaceSplits(part, config);
  }
  for (const part of decoders(tokenizer.decoder))
    if (part instanceof library.ByteFallbackDecoder) byteFallbackKeepsBytes(part);
  const { model } = tokenizer;
  if (model instanceof library.BPE || model instanceof library.Unigram) longPiecesAreCut(model);
}

function preTokenizers(part: object | null, config: PreTokenizerConfig): [object, PreTokenizerConfig][] {
  if (part === null) return [];
  if (!(part instanceof library.SequencePreTokenizer)) return [[part, config]];
  return part.tokenizers.flatMap((inner, i) => preTokenizers(inner, config.pretokenizers?.[i] ?? {}));
}

function decoders(part: object | null): object[] {
  if (part === null) return [];
  return part instanceof library.SequenceDecoder ? part.decoders.flatMap(decoders) : [part];
}

/** Rust's `Digits` asks `char::is_numeric`: every \p{N} (², Ⅷ, ٣ as well), not only 0-9. */
function digitsAreAllNumbers(part: DigitsPart): void {
  part.pattern = new RegExp(`[^\\p{N}]+|\\p{N}${part.config.individual_digits ? '' : '+'}`, 'gu');
}

/** Rust's `Metaspace` cuts before every replacement character unless `split` is false. */
function metaspaceSplits(part: MetaspacePart, config: PreTokenizerConfig): void {
  if (config.split === false) return;
  const whole = part.pre_tokenize_text.bind(part);
  const mark = part.replacement;
  part.pre_tokenize_text = (text, options) =>
    whole(text, options).flatMap((piece) => {
      const [head = '', ...rest] = piece.split(mark);
      return [...(head === '' ? [] : [head]), ...rest.map((word) => mark + word)];
    });
}

/** A byte-order mark is text, and a run of byte tokens that is no UTF-8 becomes one U+FFFD a byte. */
function byteFallbackKeepsBytes(part: ByteFallbackPart): void {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array): string => {
    try {
      return strict.decode(bytes);
    } catch {
      return '\ufffd'.repeat(bytes.length);
    }
  };
  part.text_decoder = { decode };
}

/** Pieces longer than this are cut where ids allow; shorter ones are quick as they are. */
const longPiece = 200;

/**
 * Without a pre-tokenizer that splits (Llama 2, Unigram) the whole text is one piece: BPE becomes slow and its cache useless,
 * and Unigram spreads its result over the call stack and overflows it. Cutting where no token can span keeps the ids.
 */
function longPiecesAreCut(model: ModelPart): void {
  // With affixes the ends of a piece matter; such models are left alone.
  if (model.end_of_word_suffix || model.continuing_subword_suffix) return;
  const cut = cutter(model.vocab);
  const encode = model.encode.bind(model);
  const encodePiece = model.tokenize?.bind(model) ?? ((piece: string) => encode([piece]));
  model.encode = (pieces) => {
    const out: string[] = [];
    for (const piece of pieces) {
      const whole = piece.length <= longPiece || (model.ignore_merges && model.tokens_to_ids.has(piece));
      for (const part of whole ? [piece] : cut(piece)) for (const token of encodePiece(part)) out.push(token);
    }
    return out;
  };
}
