import type { AnswerQuestion, AnswerRule, Read } from './types.ts';

/*
 * MATH (Hendrycks et al. 2021): the answer is what stands in the solution's last `\boxed`. The comparison of two answers is
 * the reference's string normalisation (lm-evaluation-harness, lm_eval/tasks/hendrycks_math/utils.py), which is kept as it
 * is, quirks included: a better one would give other scores.
 */

export const hendrycksMath: Read<AnswerQuestion> = ({ problem, solution }) => {
  if (typeof problem !== 'string' || typeof solution !== 'string') return 'has no texts "problem" and "solution"';
  const answer = lastBoxed(solution);
  if (answer === undefined) return 'has a solution without \\boxed';
  return { context: `Problem: ${problem}\nAnswer:`, answer };
};

export const hendrycksMathRules: AnswerRule[] = [{ metric: 'exact_match', find: betweenDollars, same: sameLatex }];

/** Between the first and the last dollar sign; all of the text if there are not two. */
function betweenDollars(text: string): string {
  const first = text.indexOf('$');
  const last = text.lastIndexOf('$');
  return first === last ? text : text.slice(first + 1, last);
}

/** What is in the last `\boxed{…}` (or `\fbox{…}`), or behind the last `\boxed ` up to a dollar sign. */
export function lastBoxed(text: string): string | undefined {
  if (text.includes('\\boxed ')) return text.split('\\boxed ').at(-1)!.split('$')[0]!;
  const start = text.lastIndexOf('\\boxed');
  const at = start < 0 ? text.lastIndexOf('\\fbox') : start;
  if (at < 0) return undefined;
  let open = 0;
  for (let i = at; i < text.length; i++) {
    if (text[i] === '{') open++;
    if (text[i] === '}' && --open === 0) return text.slice(text.indexOf('{', at) + 1, i);
  }
  return undefined;
}

/** Whether two answers are the same text once normalised; where the reference's rules break on one, as they are. */
export function sameLatex(a: string, b: string): boolean {
  try {
    return normalise(a) === normalise(b);
  } catch (error) {
    if (error instanceof Unreadable) return a === b;
    throw error;
  }
}
class Unreadable extends Error {}

function normalise(given: string): string {
  let text = given.replaceAll('\n', '').replaceAll('\\!', '').replaceAll('\\\\', '\\');
  text = text.replaceAll('tfrac', 'frac').replaceAll('dfrac', 'frac');
  text = text.replaceAll('\\left', '').replaceAll('\\right', '');
  text = text.replaceAll('^{\\circ}', '').replaceAll('^\\circ', '').replaceAll('\\$', '');
  text = withoutUnits(text).replaceAll('\\%', '');
  text = text.replaceAll(' .', ' 0.').replaceAll('{.', '{0.');
  if (text === '') return text;
  if (text.startsWith('.')) text = `0${text}`;
  const sides = text.split('=');
  // "k = 5" says 5.
  if (sides.length === 2 && sides[0]!.length <= 2) text = sides[1]!;
  text = withBraces(text).replaceAll(' ', '');
  text = fractions(text);
  if (text === '0.5') text = '\\frac{1}{2}';
  return slash(text);
}

function withoutUnits(text: string): string {
  const parts = text.split('\\text{ ');
  if (parts.length > 2) throw new Unreadable();
  return parts[0]!;
}

/** `\sqrt3` becomes `\sqrt{3}`. */
function withBraces(text: string): string {
  const [first, ...rest] = text.split('\\sqrt');
  return rest.reduce((out, part) => {
    if (part === '') throw new Unreadable();
    return out + (part.startsWith('{') ? `\\sqrt${part}` : `\\sqrt{${part[0]}}${part.slice(1)}`);
  }, first!);
}

/** `\frac12` becomes `\frac{1}{2}`, `\frac1{72}` becomes `\frac{1}{72}`. */
function fractions(text: string): string {
  const [first, ...rest] = text.split('\\frac');
  let out = first!;
  for (const part of rest) {
    if (part === '') throw new Unreadable();
    if (part.startsWith('{')) out += `\\frac${part}`;
    else if (part.length < 2) return text;
    else out += `\\frac{${part[0]}}${part[1] === '{' ? part.slice(1) : `{${part[1]}}${part.slice(2)}`}`;
  }
  return out;
}

/** `3/4` becomes `\frac{3}{4}`. Python's `int` breaks on what is no number, and then nothing is normalised. */
function slash(text: string): string {
  const parts = text.split('/');
  if (parts.length !== 2) return text;
  if (!parts.every((p) => /^[+-]?\d+(?:_\d+)*$/.test(p))) throw new Unreadable();
  const [a, b] = parts.map(Number);
  return `${a}/${b}` === text ? `\\frac{${a}}{${b}}` : text;
}
