/** GPT-2's table of bytes as printable characters (openai/gpt-2, encoder.py, bytes_to_unicode). */
export const byteCharacters: readonly string[] = (() => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
})();

/** How a text is cut before merging: a word or mark carries its leading space, each digit stands alone. */
export const splitPattern = ' ?\\p{L}+| ?\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+';

/**
 * Trains byte-level BPE (Sennrich et al. 2016, algorithm 1): merges the most frequent pair until no pair occurs twice or
 * `limit` merges are made. Of equally frequent pairs the smallest string goes first, so the result depends on the texts alone.
 */
export function trainBpe(texts: Iterable<string>, limit = Number.POSITIVE_INFINITY): [string, string][] {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const [piece] of text.matchAll(new RegExp(splitPattern, 'gu')))
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const pieces = [...counts].map(([piece, count]) => ({
    count,
    parts: [...Buffer.from(piece)].map((byte) => byteCharacters[byte]!),
  }));
  const merges: [string, string][] = [];
  while (merges.length < limit) {
    const best = mostFrequentPair(pieces);
    if (!best) break;
    merges.push(best);
    const [left, right] = best;
    for (const { parts } of pieces)
      for (let i = 0; i + 1 < parts.length; i++)
        if (parts[i] === left && parts[i + 1] === right) parts.splice(i, 2, left + right);
  }
  return merges;
}

function mostFrequentPair(pieces: readonly { count: number; parts: string[] }[]): [string, string] | undefined {
  const pairs = new Map<string, number>();
  for (const { count, parts } of pieces)
    for (let i = 0; i + 1 < parts.length; i++) {
      // No byte character is a space.
      const pair = `${parts[i]} ${parts[i + 1]}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + count);
    }
  let best: string | undefined;
  let most = 1;
  for (const [pair, count] of pairs)
    if (count > most || (count === most && best !== undefined && pair < best)) {
      best = pair;
      most = count;
    }
  return best?.split(' ') as [string, string] | undefined;
}
