import type { Path } from '../experiment/tree.ts';
import type { Range } from '../experiment/types.ts';

/** What is being written at an offset, whether or not the text around it is valid. */
export interface Cursor {
  /**
   * `key`: a key of the mapping at `path`. `value`: the value at `path` (which may end in an index). `block`: an own line below the
   * key at `path`, which has no value yet (or, below a list, its next entry).
   */
  slot: 'key' | 'value' | 'block';
  path: Path;
  /** Keys of the mapping or entries of the list that stand before the cursor. */
  before: string[];
  /** What is written of it up to the offset, without quotes. */
  typed: string;
  /** What a completion replaces: on one line, around the offset. */
  word: Range;
  /** Inside `{…}` or `[…]`. */
  flow: boolean;
  /** The quote that was opened. */
  quote?: '"' | "'";
  /** The offset is right behind a colon: a value needs a space first. */
  spaceMissing?: boolean;
}

interface Frame {
  kind: 'map' | 'seq';
  flow: boolean;
  indent: number;
  path: Path;
  /** The entry that is being read: its key or index. */
  key?: string;
  index: number;
  /** What stands behind `key`: nothing yet, something on its line, lines below. */
  value: 'nothing' | 'inline' | 'below';
  names: string[];
}

/**
 * The place of an offset, from the text before it. YAML's own rules for indentation decide where a mapping ends, so an unclosed
 * bracket in an earlier line does not swallow what follows. Undefined in comments, block texts and behind finished values.
 */
export function cursorAt(text: string, offset: number): Cursor | undefined {
  return new Scanner(text, Math.max(0, Math.min(offset, text.length))).run();
}

const keyPattern = /^(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#{}[\],&*!|>'"%@`-][^#\n]*?|-[^\s#\n][^#\n]*?))\s*:(?=\s|$)/;

class Scanner {
  readonly #text: string;
  readonly #end: number;
  readonly #frames: Frame[] = [
    { kind: 'map', flow: false, indent: 0, path: [], index: 0, value: 'nothing', names: [] },
  ];
  #cursor: Cursor | undefined;

  constructor(text: string, end: number) {
    this.#text = text;
    this.#end = end;
  }

  run(): Cursor | undefined {
    for (let start = 0; start <= this.#end; ) {
      const newline = this.#text.indexOf('\n', start);
      const lineEnd = newline < 0 ? this.#text.length : newline;
      start = this.#line(start, Math.min(lineEnd, this.#end), lineEnd >= this.#end);
    }
    return this.#cursor;
  }

  get #top(): Frame {
    return this.#frames.at(-1)!;
  }

  /** Reads one line of block style; returns where the next one starts. `last`: the offset is on it, at `end`. */
  #line(start: number, end: number, last: boolean): number {
    const next = end + 1;
    let at = start + indentOf(this.#text, start, end);
    if (at >= end) {
      if (last) this.#blank(end, end - start);
      return next;
    }
    if (this.#text[at] === '#') return next;
    at = this.#dashes(at, end, start);
    if (at >= end) {
      if (last) this.#afterDash(end);
      return next;
    }
    if (this.#text[at] === '#') return next;
    const column = at - start;
    const match = keyPattern.exec(this.#text.slice(at, end));
    if (match && !(last && at + match[0].length > end)) return this.#entry(match, at, column, end, last);
    return this.#plain(at, column, end, last);
  }

  /** `- ` at the beginning of a line, also several; returns where the entry starts. */
  #dashes(from: number, end: number, lineStart: number): number {
    let at = from;
    for (;;) {
      const dash = /^-(\s+|$)/.exec(this.#text.slice(at, end));
      if (!dash || (at + 1 === this.#end && dash[1] === '')) return at;
      const column = at - lineStart;
      this.#leave(column, true);
      const top = this.#top;
      if (top.kind === 'seq' && top.indent === column) top.index++;
      else this.#push('seq', column);
      this.#top.value = 'nothing';
      at += dash[0].length;
    }
  }

  /** `key: …` in block style. */
  #entry(match: RegExpExecArray, at: number, column: number, end: number, last: boolean): number {
    this.#leave(column, false);
    if (this.#top.kind !== 'map' || this.#top.indent !== column) this.#push('map', column);
    const frame = this.#top;
    frame.key = match[1] ?? match[2] ?? match[3] ?? '';
    frame.names.push(frame.key);
    frame.value = 'nothing';
    const colon = at + match[0].length;
    const from = colon + indentOf(this.#text, colon, end);
    if (from >= end) {
      if (last) this.#value([...frame.path, frame.key], [], end, end, false, from === colon);
      return end + 1;
    }
    return this.#content(from, column, end, last, [...frame.path, frame.key]);
  }

  /** A line, or the rest of one behind a dash, that is no `key: …`. */
  #plain(at: number, column: number, end: number, last: boolean): number {
    const behindDash = this.#top.kind === 'seq' && this.#top.value === 'nothing' && column > this.#top.indent;
    if (behindDash) return this.#content(at, this.#top.indent, end, last, childOf(this.#top));
    if ('{['.includes(this.#text[at]!) && this.#top.value === 'nothing' && this.#top.key !== undefined)
      return this.#content(at, this.#top.indent, end, last, childOf(this.#top));
    if (last) this.#blank(end, column, at);
    return end + 1;
  }

  /** A value that starts at `from`: flow, block text, or plain. */
  #content(from: number, indent: number, end: number, last: boolean, path: Path): number {
    const frame = this.#top;
    frame.value = 'inline';
    const first = this.#text[from]!;
    if (first === '{' || first === '[') return this.#flow(from, indent, path);
    if (first === '#') {
      frame.value = 'nothing';
      return end + 1;
    }
    if (first === '|' || first === '>') return this.#skipBlockText(indent, end);
    const comment = commentIn(this.#text, from, end);
    if (last && comment === undefined)
      this.#value(path, frame.kind === 'seq' ? frame.names : [], from, end, false, false);
    if (frame.kind === 'seq') frame.names.push(unquoted(this.#text.slice(from, comment ?? end).trim()));
    return end + 1;
  }

  #skipBlockText(indent: number, end: number): number {
    let start = end + 1;
    while (start <= this.#end) {
      const newline = this.#text.indexOf('\n', start);
      const lineEnd = newline < 0 ? this.#text.length : newline;
      const column = indentOf(this.#text, start, lineEnd);
      if (start + column < lineEnd && column <= indent) return start;
      if (lineEnd >= this.#end && this.#end - start <= indent) return start;
      start = lineEnd + 1;
    }
    return start;
  }

  /** Reads `{…}` or `[…]` from its bracket on; returns the start of the line to go on with. */
  #flow(from: number, indent: number, path: Path): number {
    const depth = this.#frames.length;
    let token = from;
    const open = (kind: Frame['kind'], at: number, here: Path) => {
      this.#frames.push({ kind, flow: true, indent, path: here, index: 0, value: 'nothing', names: [] });
      token = at + 1;
    };
    open(this.#text[from] === '{' ? 'map' : 'seq', from, path);
    for (let i = from + 1; i < this.#end; i++) {
      const c = this.#text[i]!;
      const top = this.#top;
      const written = this.#text.slice(token, i).trim();
      if (c === '\n') {
        if (this.#isOutside(i + 1, indent)) {
          this.#frames.length = depth;
          return i + 1;
        }
      } else if (c === '#' && /\s/.test(this.#text[i - 1]!)) {
        const newline = this.#text.indexOf('\n', i);
        if (newline < 0 || newline >= this.#end) return this.#end + 1;
        if (written === '') token = newline;
        i = newline - 1;
      } else if ((c === '"' || c === "'") && written === '') {
        const close = this.#text.indexOf(c, i + 1);
        if (close < 0 || close >= this.#end) break;
        i = close;
      } else if ((c === '{' || c === '[') && written === '') open(c === '{' ? 'map' : 'seq', i, childOf(top));
      else if (c === '}' || c === ']') {
        this.#frames.pop();
        if (this.#frames.length === depth) return this.#behind(i + 1);
        this.#top.value = 'inline';
        token = i + 1;
      } else if (c === ',') {
        if (top.kind === 'seq') {
          top.names.push(unquoted(written));
          top.index++;
        }
        top.key = undefined;
        top.value = 'nothing';
        token = i + 1;
      } else if (c === ':' && top.kind === 'map' && top.key === undefined && this.#endsKey(i)) {
        top.key = unquoted(written);
        top.names.push(top.key);
        token = i + 1;
      }
    }
    this.#inFlow(token);
    return this.#end + 1;
  }

  #endsKey(colon: number): boolean {
    return colon + 1 >= this.#end || /[\s"'[{]/.test(this.#text[colon + 1]!);
  }

  /** Whether a line is not indented enough to belong to a bracket of a key at `indent`. */
  #isOutside(start: number, indent: number): boolean {
    const newline = this.#text.indexOf('\n', start);
    const lineEnd = newline < 0 ? this.#text.length : newline;
    const column = indentOf(this.#text, start, lineEnd);
    if (start + column >= lineEnd) return lineEnd >= this.#end && this.#end - start <= indent;
    return column <= indent && !'}]'.includes(this.#text[start + column]!);
  }

  /** Behind a closed bracket nothing is completed. */
  #behind(at: number): number {
    const newline = this.#text.indexOf('\n', at);
    return newline < 0 ? this.#end + 1 : newline + 1;
  }

  #inFlow(token: number): void {
    const top = this.#top;
    if (top.value === 'inline') return;
    const from = token + indentOf(this.#text, token, this.#end, true);
    if (top.kind === 'map' && top.key === undefined) {
      this.#set('key', top.path, top.names, from, this.#end, true);
      return;
    }
    const spaceMissing = top.kind === 'map' && token === this.#end && this.#text[token - 1] === ':';
    this.#value(childOf(top), top.kind === 'seq' ? top.names : [], from, this.#end, true, spaceMissing);
  }

  /** On a line of its own, with nothing or a word without colon. */
  #blank(end: number, column: number, from = end): void {
    while (this.#frames.length > 1 && this.#top.indent > column) this.#frames.pop();
    const [parent, list] = [this.#frames.at(-2), this.#top];
    // A list may stand at its key's column; what follows there without a dash is the next key.
    if (list.kind === 'seq' && list.indent === column && parent?.kind === 'map' && parent.indent === column)
      this.#frames.pop();
    const top = this.#top;
    if (top.kind === 'seq') {
      if (top.indent === column) this.#set('block', top.path, top.names, from, end, false);
    } else if (top.indent === column && (column > 0 || top.path.length === 0))
      this.#set('key', top.path, top.names, from, end, false);
    else if (top.value === 'nothing' && top.key !== undefined) this.#set('block', childOf(top), [], from, end, false);
  }

  #afterDash(end: number): void {
    this.#value(childOf(this.#top), this.#top.names, end, end, false, false);
  }

  #value(path: Path, before: string[], from: number, end: number, flow: boolean, spaceMissing: boolean): void {
    this.#set('value', path, before, from, end, flow);
    if (spaceMissing && this.#cursor) this.#cursor.spaceMissing = true;
  }

  #set(slot: Cursor['slot'], path: Path, before: readonly string[], from: number, end: number, flow: boolean): void {
    const first = this.#text[from];
    const quote = from < end && (first === '"' || first === "'") ? first : undefined;
    const typed = this.#text.slice(from + (quote ? 1 : 0), end);
    if (quote && typed.includes(quote)) return;
    const stop = quote ? /["'\n]/ : slot === 'value' ? /[\s,[\]{}#]|:(?=\s|$)/ : /[\s,[\]{}#:]/;
    const rest = this.#text.slice(end);
    const found = stop.exec(rest);
    const more = found ? found.index + (quote && found[0] === quote ? 1 : 0) : rest.length;
    this.#cursor = { slot, path, before: [...before], typed, word: { start: from, end: end + more }, flow, quote };
  }

  /** Closes what is indented deeper than a column; lists at the column too, unless an entry of theirs follows. */
  #leave(column: number, dash: boolean): void {
    while (this.#frames.length > 1) {
      const { kind, indent } = this.#top;
      if (indent < column || (indent === column && (kind === 'map' ? !dash || this.#top.value === 'nothing' : dash)))
        return;
      this.#frames.pop();
    }
  }

  #push(kind: Frame['kind'], indent: number): void {
    const parent = this.#top;
    const path = parent.kind === 'map' && parent.key === undefined ? parent.path : childOf(parent);
    parent.value = 'below';
    this.#frames.push({ kind, flow: false, indent, path, index: 0, value: 'nothing', names: [] });
  }
}

function childOf({ kind, path, key, index }: Frame): Path {
  return [...path, kind === 'map' ? (key ?? '') : index];
}

function indentOf(text: string, start: number, end: number, lines = false): number {
  let at = start;
  while (at < end && (text[at] === ' ' || text[at] === '\t' || text[at] === '\r' || (lines && text[at] === '\n'))) at++;
  return at - start;
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}

/** Offset of a comment behind a plain or quoted value on one line. */
function commentIn(text: string, from: number, end: number): number | undefined {
  const quote = text[from];
  const close = quote === '"' || quote === "'" ? text.indexOf(quote, from + 1) : from;
  for (let i = Math.max(from + 1, close); i < end; i++) if (text[i] === '#' && /\s/.test(text[i - 1]!)) return i;
  return undefined;
}
