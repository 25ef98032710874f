import fc from 'fast-check';
import { type Span, spansOf } from './spans.ts';

/** How a file is built, which decides what can be done to it beside changing bytes. */
export type Format = 'json' | 'yaml' | 'text' | 'safetensors' | 'binary';

/** One change: which row of `changes`, and four numbers that the row makes of what it needs. */
interface Change {
  kind: keyof typeof changes;
  /** Shares of the file, [0, 1). */
  a: number;
  b: number;
  /** A choice. */
  n: number;
}

/** What a file may get in place of a number, or of any value. */
const numbers = [
  '-1',
  '0',
  '-0',
  '1e999',
  '-1e999',
  '1e308',
  '1e15',
  '9007199254740993',
  '4294967296',
  '2147483648',
  '100000000',
  '0.5',
  '1e-320',
  'NaN',
  'Infinity',
  '00',
  '1_000',
  '0x10',
  '18446744073709551616',
];
const values = [
  ...numbers,
  'null',
  'true',
  'false',
  '""',
  '[]',
  '{}',
  '[[]]',
  '[null]',
  '{"":null}',
  '"\\ud800"',
  '"\\u0000"',
  '"../../etc/passwd"',
  '"(a+)+$"',
  '"[\\\\"',
  '"{% for"',
  '{"length":-1}',
  '{"type":"Sequence"}',
  '[1,2,3,4,5,6,7,8]',
];
const keys = [
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"hasOwnProperty"',
  '"length"',
  '""',
  '"\\u0000"',
  '"then"',
];
const pieces = [
  Buffer.from([0]),
  Buffer.from([0xff]),
  Buffer.from([0xef, 0xbb, 0xbf]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80]),
  Buffer.alloc(8, 0xff),
  Buffer.from('\n'),
  Buffer.from('\r\n'),
  Buffer.from('"'),
  Buffer.from('\\'),
  Buffer.from('{'),
  Buffer.from(']'),
  Buffer.from(','),
  Buffer.from(': '),
  Buffer.from('\t'),
  Buffer.from('&a '),
  Buffer.from('*a'),
  Buffer.from('!!binary '),
  Buffer.from('\u2028'),
  Buffer.from('#'),
];
/** From what every parser takes to what no recursion survives. */
const depths = [3, 30, 300, 3000, 30_000];
const brackets: [string, string][] = [
  ['[', ']'],
  ['{"a":', '}'],
  ['[', ''],
  ['[[],', ']'],
];

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!;
const at = (share: number, size: number): number => Math.min(size, Math.floor(share * (size + 1)));
/** Mostly short, now and then all that is left. */
const length = (n: number, left: number): number => Math.min(left, n % 8 === 0 ? left : 1 + (n % 24));

/** Changes of bytes. */
const ofBytes = {
  flip: (bytes: Buffer, { a, n }: Change) => {
    if (bytes.length === 0) return bytes;
    const copy = Buffer.from(bytes);
    const place = Math.min(copy.length - 1, at(a, copy.length));
    copy[place] = copy[place]! ^ (1 << (n % 8));
    return copy;
  },
  cutOff: (bytes: Buffer, { a }: Change) => bytes.subarray(0, at(a, bytes.length)),
  cutOut: (bytes: Buffer, { a, n }: Change) => {
    const start = at(a, bytes.length);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length(n, bytes.length - start))]);
  },
  insert: (bytes: Buffer, { a, n }: Change) => {
    const start = at(a, bytes.length);
    return Buffer.concat([bytes.subarray(0, start), pick(pieces, n), bytes.subarray(start)]);
  },
  overwrite: (bytes: Buffer, { a, n }: Change) => {
    const copy = Buffer.from(bytes);
    pick(pieces, n).copy(copy, at(a, copy.length));
    return copy;
  },
  duplicate: (bytes: Buffer, { a, b, n }: Change) => {
    const start = at(a, bytes.length);
    const to = at(b, bytes.length);
    const piece = bytes.subarray(start, start + length(n, bytes.length - start));
    return Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to)]);
  },
  repeat: (bytes: Buffer, { a, n }: Change) => {
    const start = at(a, bytes.length);
    const piece = bytes.subarray(start, start + 1 + (n % 64));
    const times = 1 + (n % 200);
    return Buffer.concat([bytes.subarray(0, start), ...Array<Buffer>(times).fill(piece), bytes.subarray(start)]);
  },
};

/** Changes of values: a text, the span of one of its values and another span. */
const ofValues = {
  number: (text: string, span: Span, _other: Span, { n }: Change) => put(text, span, pick(numbers, n)),
  value: (text: string, span: Span, _other: Span, { n }: Change) => put(text, span, pick(values, n)),
  remove: (text: string, span: Span) => put(text, span, ''),
  /** With the comma before or behind it, so that what is left is still well formed. */
  removeMember: (text: string, span: Span) => {
    const before = Math.max(0, span.start - 80);
    const key = span.kind === 'key' ? 0 : text.slice(before, span.start).search(/"[^"]*"\s*:\s*$/);
    const from = span.kind === 'key' || key < 0 ? span.start : before + key;
    const value =
      span.kind === 'key' ? (/^\s*:\s*("[^"]*"|[^,{}[\]]*)?/.exec(text.slice(span.end))?.[0].length ?? 0) : 0;
    const end = span.end + value;
    const comma = /^\s*,/.exec(text.slice(end));
    if (comma) return text.slice(0, from) + text.slice(end + comma[0].length);
    return text.slice(0, from).trimEnd().replace(/,$/, '') + text.slice(end);
  },
  double: (text: string, span: Span) => put(text, span, `${of(text, span)},${of(text, span)}`),
  other: (text: string, span: Span, other: Span) => put(text, span, of(text, other)),
  nest: (text: string, span: Span, _other: Span, { n }: Change) => {
    const [open, close] = pick(brackets, n);
    const depth = pick(depths, n >> 2);
    return put(text, span, open.repeat(depth) + of(text, span) + close.repeat(depth));
  },
  long: (text: string, span: Span, _other: Span, { n }: Change) =>
    put(text, span, `"${pick(['a', '\\u0000', 'é', '😀', ' '], n).repeat(pick([100, 5000], n >> 3))}"`),
  many: (text: string, span: Span, _other: Span, { n }: Change) =>
    put(
      text,
      span,
      `[${Array(pick([10, 2000], n))
        .fill(of(text, span).slice(0, 64))
        .join(',')}]`,
    ),
  key: (text: string, span: Span, _other: Span, { n }: Change) => put(text, span, pick(keys, n)),
};

/** Changes of lines. */
const ofLines = {
  lineRemoved: (lines: string[], i: number, _j: number, n: number) => lines.toSpliced(i, 1 + (n % 3)),
  lineDoubled: (lines: string[], i: number, j: number) => lines.toSpliced(j, 0, lines[i] ?? ''),
  lineMoved: (lines: string[], i: number, j: number) => {
    const [line = ''] = lines.splice(i, 1);
    return lines.toSpliced(j, 0, line);
  },
  lineIndented: (lines: string[], i: number, _j: number, n: number) =>
    lines.with(Math.min(i, lines.length - 1), ' '.repeat(n % 9) + (lines[i] ?? '').trimStart()),
};

type Kinds = typeof ofBytes & typeof ofValues & typeof ofLines;
const changes = { ...ofBytes, ...ofValues, ...ofLines } satisfies Kinds;

const of = (text: string, { start, end }: Span) => text.slice(start, end);
const put = (text: string, { start, end }: Span, value: string) => text.slice(0, start) + value + text.slice(end);

/** No file grows beyond this: what is asked is what readers do with nonsense, not with gigabytes. */
const largest = 1 << 20;

function changeText(text: string, change: Change): string {
  const { kind, a, b, n } = change;
  if (kind in ofLines) {
    const lines = text.split('\n');
    return ofLines[kind as keyof typeof ofLines](lines, at(a, lines.length - 1), at(b, lines.length), n).join('\n');
  }
  const all = spansOf(text);
  const fitting = all.filter(({ kind: k }) =>
    kind === 'number' ? k === 'number' : kind === 'key' ? k === 'key' : true,
  );
  if (fitting.length === 0) return text;
  const span = pick(fitting, Math.floor(a * fitting.length));
  return ofValues[kind as keyof typeof ofValues](text, span, pick(all, Math.floor(b * all.length)), change);
}

/** The header of a safetensors file is changed as the JSON that it is, and mostly gets its right length. */
function changeSafetensors(bytes: Buffer, change: Change): Buffer {
  if (bytes.length < 8) return bytes;
  const claimed = bytes.readBigUInt64LE(0);
  const length = claimed > BigInt(bytes.length - 8) ? bytes.length - 8 : Number(claimed);
  const header = Buffer.from(changeText(bytes.toString('utf8', 8, 8 + length), change));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(change.n % 16 === 0 ? claimed : BigInt(header.length));
  return Buffer.concat([size, header, bytes.subarray(8 + length)]);
}

/** Applies one change. Pure; never throws, whatever the bytes. */
export function change(bytes: Buffer, format: Format, how: Change): Buffer {
  if (how.kind in ofBytes) return ofBytes[how.kind as keyof typeof ofBytes](bytes, how);
  if (format === 'binary') return ofBytes.flip(bytes, how);
  if (format === 'safetensors') return changeSafetensors(bytes, how);
  return Buffer.from(changeText(bytes.toString('utf8'), how));
}

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const rows = (table: object) => fc.constantFrom(...(Object.keys(table) as Change['kind'][]));

const one: fc.Arbitrary<Change> = fc.record({
  // What leaves a file well formed gets further into a reader than a wrong byte does.
  kind: fc.oneof(
    { weight: 2, arbitrary: rows(ofBytes) },
    { weight: 6, arbitrary: rows(ofValues) },
    { weight: 1, arbitrary: rows(ofLines) },
  ),
  a: share,
  b: share,
  n: fc.nat(0xffff),
});

/** One to five changes, one after another; mostly one. */
export const mutations: fc.Arbitrary<Change[]> = fc.oneof(
  { weight: 3, arbitrary: fc.array(one, { minLength: 1, maxLength: 1 }) },
  { weight: 2, arbitrary: fc.array(one, { minLength: 2, maxLength: 5 }) },
);

export function mutate(bytes: Buffer, format: Format, how: readonly Change[]): Buffer {
  return how.reduce((b, c) => (b.length > largest ? b : change(b, format, c)), bytes);
}
