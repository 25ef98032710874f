/**
 * A function that cuts a text between two characters that stand next to each other in no token of the vocabulary. A merge
 * (BPE) or a piece (Unigram) is a token, so none can span such a place: encoding the parts one by one gives the ids of the
 * whole. The parts are mostly words, which the cache of the model knows.
 */
export function cutter(vocabulary: readonly (string | undefined)[]): (text: string) => string[] {
  const neighbours = new Set<number>();
  for (const token of vocabulary) {
    let previous = -1;
    for (const character of token ?? '') {
      const code = character.codePointAt(0) ?? 0;
      if (previous >= 0) neighbours.add(previous * 0x110000 + code);
      previous = code;
    }
  }
  return (text) => {
    const parts: string[] = [];
    let start = 0;
    let previous = -1;
    for (let i = 0; i < text.length; ) {
      const code = text.codePointAt(i) ?? 0;
      if (previous >= 0 && !neighbours.has(previous * 0x110000 + code)) {
        parts.push(text.slice(start, i));
        start = i;
      }
      previous = code;
      i += code > 0xffff ? 2 : 1;
    }
    if (start < text.length) parts.push(text.slice(start));
    return parts;
  };
}
