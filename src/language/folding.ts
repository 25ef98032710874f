import type { View } from './view.ts';

export interface Fold {
  /** From 0. */
  startLine: number;
  endLine: number;
  kind?: 'comment';
}

/** What can be folded: keys with the deeper lines below them, brackets over several lines, blocks of comments. */
export function folds({ text }: Pick<View, 'text'>): Fold[] {
  const lines = text.split('\n');
  const indents = lines.map((line) => (line.trim() === '' ? undefined : line.length - line.trimStart().length));
  const isComment = (i: number) => lines[i]?.trimStart().startsWith('#') === true;
  const found: Fold[] = [];
  for (let i = 0; i < lines.length; i++) {
    const indent = indents[i];
    if (indent === undefined) continue;
    if (isComment(i)) {
      if (isComment(i - 1)) continue;
      let end = i;
      while (isComment(end + 1)) end++;
      if (end > i) found.push({ startLine: i, endLine: end, kind: 'comment' });
      continue;
    }
    let end = i;
    for (let j = i + 1; j < lines.length; j++) {
      const deeper = indents[j];
      if (deeper === undefined) continue;
      const isList =
        deeper === indent && lines[j]!.trimStart().startsWith('- ') && !lines[i]!.trimStart().startsWith('- ');
      const closes = deeper === indent && /^[}\]]/.test(lines[j]!.trimStart());
      if (deeper <= indent && !isList && !closes) break;
      end = j;
    }
    if (end > i) found.push({ startLine: i, endLine: end });
  }
  return found;
}
