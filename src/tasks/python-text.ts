/** Text rules of Python's `str` and `re` on which prompts and counts of the reference harness depend. */

/** What `str.isspace` holds for one by one: JavaScript's `\s` has U+FEFF besides and lacks U+001C … U+001F and U+0085. */
const space = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const one = new RegExp(space, 'u');
const run = new RegExp(`${space}+`, 'u');

/** A regular expression in which `\\s` means what it means in Python; flags `gu`. */
export function pythonPattern(source: string): RegExp {
  return new RegExp(source.replaceAll('\\s', space), 'gu');
}

/** `str.strip`. */
export function strip(text: string): string {
  let at = 0;
  while (at < text.length && one.test(text[at]!)) at++;
  return splitTrailingSpace(text.slice(at)).kept;
}

/** `str.capitalize`: the first character in upper case, all others in lower case. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** The text in two parts: what `str.rstrip` keeps, and the whitespace it takes off. */
export function splitTrailingSpace(text: string): { kept: string; space: string } {
  let at = text.length;
  while (at > 0 && one.test(text[at - 1]!)) at--;
  return { kept: text.slice(0, at), space: text.slice(at) };
}

/** `len(re.split(r"\s+", text))`: how the harness counts words, empty strings at the ends included. */
export function countWords(text: string): number {
  return text.split(run).length;
}

/** `len(text)` in Python: Unicode code points. */
export function codePoints(text: string): number {
  let n = 0;
  for (const _ of text) n++;
  return n;
}

export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
