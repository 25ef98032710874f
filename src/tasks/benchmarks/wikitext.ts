import { pythonPattern, strip } from '../python-text.ts';
import type { Page, Read } from './types.ts';

/** WikiText (Merity et al. 2016): whole pages, detokenised (lm-evaluation-harness, lm_eval/tasks/wikitext). */
const page = (original: string): Page => ({ text: detokenise(original), original });

export const wikitextPage: Read<Page> = (record) =>
  typeof record['page'] === 'string' ? page(record['page']) : 'has no text "page"';

/**
 * Pages of the file as it was published. A page begins at a line that is a heading of the first level
 * (EleutherAI/wikitext_document_level, wikitext_document_level.py).
 */
export function wikitextPages(text: string): Page[] {
  const pages: string[] = [];
  let lines: string[] = [];
  const close = () => {
    const whole = lines.join('\n');
    if (strip(whole) !== '') pages.push(whole);
    lines = [];
  };
  for (const line of text.split('\n')) {
    const heading = strip(line.replaceAll('= = =', '===').replaceAll('= =', '=='));
    if (heading.startsWith('= ') && heading.endsWith(' =')) close();
    lines.push(line);
  }
  close();
  return pages.map(page);
}

/** In this order. The second is written as the reference writes it, slashes and all. */
const steps: readonly (readonly [string | RegExp, string])[] = [
  ["s '", "s'"],
  [/\/' [0-9]\//g, "/'[0-9]/"],
  [' @-@ ', '-'],
  [' @,@ ', ','],
  [' @.@ ', '.'],
  [' : ', ': '],
  [' ; ', '; '],
  [' . ', '. '],
  [' ! ', '! '],
  [' ? ', '? '],
  [' , ', ', '],
  [pythonPattern('\\(\\s*([^\\)]*?)\\s*\\)'), '($1)'],
  [pythonPattern('\\[\\s*([^\\]]*?)\\s*\\]'), '[$1]'],
  [pythonPattern('\\{\\s*([^\\}]*?)\\s*\\}'), '{$1}'],
  [pythonPattern('"\\s*([^"]*?)\\s*"'), '"$1"'],
  [pythonPattern("'\\s*([^']*?)\\s*'"), "'$1'"],
  ['= = = =', '===='],
  ['= = =', '==='],
  ['= =', '=='],
  [' ° ', '°'],
  [' \n', '\n'],
  ['\n ', '\n'],
  [' N ', ' 1 '],
  [" 's", "'s"],
];

export function detokenise(text: string): string {
  return steps.reduce((out, [from, to]) => out.replaceAll(from, to), text);
}
