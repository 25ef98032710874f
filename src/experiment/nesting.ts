/** Nesting that no file needs and the YAML parser, which is recursive, survives. */
const deepestFlow = 200;
/** A block is nested at least one column deeper than the one around it. */
const deepestColumn = 400;

/**
 * Where a YAML text is nested so deeply that it cannot be parsed, or undefined. Brackets are counted wherever they stand, also in
 * texts and comments: the answer may be wrong for a file with hundreds of open ones, never for one that would end the process.
 */
export function tooDeep(text: string): number | undefined {
  let open = 0;
  let leading = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '\n') leading = 0;
    else if (leading >= 0) leading = /[\s?-]/.test(c) ? leading + 1 : -1;
    if (c === '[' || c === '{') open++;
    else if (c === ']' || c === '}') open = Math.max(0, open - 1);
    if (open > deepestFlow || leading > deepestColumn) return i;
  }
  return undefined;
}
