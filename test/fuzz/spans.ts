/** Where a value of a text stands: characters `[start, end)`. */
export interface Span {
  start: number;
  end: number;
  kind: 'object' | 'list' | 'text' | 'number' | 'word' | 'key';
}

const scalar = /-?\d[\d.eE+-]*|[A-Za-z_$][\w.$-]*/y;

/**
 * The values of a text that is JSON, JSON lines or flow YAML, or once was: whatever is balanced is found, nothing throws. A
 * quoted text or word before a colon is a key.
 */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  const open: number[] = [];
  const add = (start: number, end: number, kind: Span['kind']) => {
    const isKey = (kind === 'text' || kind === 'word') && /^\s*:/.test(text.slice(end, end + 8));
    spans.push({ start, end, kind: isKey ? 'key' : kind });
  };
  for (let i = 0; i < text.length; ) {
    const c = text[i]!;
    if (c === '{' || c === '[') open.push(i++);
    else if (c === '}' || c === ']') {
      const start = open.pop();
      i++;
      if (start !== undefined) add(start, i, c === '}' ? 'object' : 'list');
    } else if (c === '"') {
      let end = i + 1;
      while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      add(i, Math.min(text.length, end + 1), 'text');
      i = end + 1;
    } else {
      scalar.lastIndex = i;
      const match = scalar.exec(text);
      if (match) add(i, i + match[0].length, /^[-\d]/.test(match[0]) ? 'number' : 'word');
      i += match?.[0].length ?? 1;
    }
  }
  return spans;
}
