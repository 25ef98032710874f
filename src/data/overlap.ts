/**
 * Contamination: which documents of `evaluated` share a run of n words with `trained`. Words are maximal runs of letters and
 * digits in lower case (13 words: GPT-3, Brown et al. 2020, appendix C). A document shorter than n words has no n-gram and
 * cannot be found.
 * @returns indices into `evaluated`
 */
export function overlap(evaluated: Iterable<string>, trained: Iterable<string>, n = 13): number[] {
  const texts = [...evaluated].map(words);
  const grams = new Map<string, number[]>();
  for (const [i, list] of texts.entries()) {
    for (const gram of ngrams(list, n)) {
      const owners = grams.get(gram);
      if (!owners) grams.set(gram, [i]);
      else if (owners.at(-1) !== i) owners.push(i);
    }
  }
  const found = new Set<number>();
  if (grams.size === 0) return [];
  for (const text of trained)
    for (const gram of ngrams(words(text), n)) {
      for (const i of grams.get(gram) ?? []) found.add(i);
      // Its owners are found: boilerplate that all documents share is then as cheap as any other text.
      grams.delete(gram);
    }
  return [...found].sort((a, b) => a - b);
}

function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function* ngrams(list: readonly string[], n: number): Generator<string> {
  for (let i = 0; i + n <= list.length; i++) yield list.slice(i, i + n).join(' ');
}
