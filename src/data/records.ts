import { readFile } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import { type Compressors, parquetReadObjects } from 'hyparquet';
import { fail } from '../base/problem.ts';
import { lines, readUtf8 } from './text-file.ts';

/** A record of a data file, and where it stands, for messages: `file:line`, or `file, record 7` where there are no lines. */
export interface PlacedRecord {
  record: Record<string, unknown>;
  place: string;
}

interface Reading {
  /** Names of the columns of a CSV file without a head line. */
  columns?: readonly string[];
}

/** Reads the bytes of one format into records. */
type Reader = (file: string, bytes: Buffer, how: Reading) => PlacedRecord[] | Promise<PlacedRecord[]>;

/** File formats by the end of the name. */
const readers: Record<string, Reader> = {
  jsonl: jsonLines,
  json,
  csv,
  parquet,
};

/**
 * The records of a data file, in order: JSON lines, a JSON list (or one object), CSV, Parquet; `.gz` in front is taken off.
 * Fails with `invalid-record` and the place, `unknown-format`, `file-missing` and the like.
 */
export async function readRecordFile(file: string, how: Reading = {}): Promise<PlacedRecord[]> {
  const [name, packed] = file.endsWith('.gz') ? [file.slice(0, -3), true] : [file, false];
  const format = /\.([a-z]+)$/.exec(name)?.[1] ?? '';
  const reader = readers[format];
  if (!reader) {
    fail('unknown-format', 'Records are read from .jsonl, .json, .csv and .parquet files (with or without .gz).', {
      place: file,
      remedy: 'Convert the file, or give it the ending of its format.',
    });
  }
  return reader(file, packed ? unpack(file, await readFile(file)) : await readBytes(file, format), how);
}

/** Text formats are checked for UTF-8, with the offset of what is wrong. */
const readBytes = (file: string, format: string) => (format === 'parquet' ? readFile(file) : readUtf8(file));

function unpack(file: string, bytes: Buffer): Buffer {
  try {
    return zlib.gunzipSync(bytes);
  } catch {
    return fail('invalid-record', 'The file is no whole gzip file.', { place: file, remedy: 'Fetch it again.' });
  }
}

function jsonLines(file: string, bytes: Buffer): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  for (const { text, number } of lines(bytes)) {
    const place = `${file}:${number}`;
    if (text.trim() !== '') records.push({ record: object(parse(text, place), place), place });
  }
  return records;
}

function json(file: string, bytes: Buffer): PlacedRecord[] {
  const value = parse(bytes.toString('utf8'), file);
  if (!Array.isArray(value)) return [{ record: object(value, file), place: file }];
  return value.map((item, i) => ({ record: object(item, numbered(file, i)), place: numbered(file, i) }));
}

const correct = 'Correct the record, or fetch the file again.';

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fail('invalid-record', 'It is not JSON.', { place, remedy: correct });
  }
}

function object(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return fail('invalid-record', 'It is not a JSON object.', { place, remedy: correct });
}

const numbered = (file: string, i: number) => `${file}, record ${i + 1}`;

/** With a head line, unless `columns` stands for it (a head line that says the same is left out). */
function csv(file: string, bytes: Buffer, { columns }: Reading): PlacedRecord[] {
  const rows = parseCsv(bytes.toString('utf8'));
  const [first] = rows;
  const head = columns ?? first?.cells;
  if (head === undefined) return [];
  const headed =
    columns === undefined || columns.every((name, i) => first?.cells[i]?.toLowerCase() === name.toLowerCase());
  return rows.slice(headed ? 1 : 0).map(({ cells, line }) => {
    const place = `${file}:${line}`;
    if (cells.length !== head.length)
      fail('invalid-record', `The row has ${cells.length} cells; there are ${head.length} columns.`, {
        place,
        remedy: 'Put texts with commas or line ends into quotes, or fetch the file again.',
      });
    return { record: Object.fromEntries(head.map((name, i) => [name, cells[i]])), place };
  });
}

/** RFC 4180: cells in quotes may hold commas, line ends and doubled quotes. Empty lines are left out. */
export function parseCsv(text: string): { cells: string[]; line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  let line = 1;
  let cells: string[] = [];
  let start = 1;
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n][^,\r\n]*|))(,|\r?\n|$)/g)) {
    cells.push(quoted?.replaceAll('""', '"') ?? plain!);
    line += (quoted?.match(/\n/g)?.length ?? 0) + (end?.endsWith('\n') ? 1 : 0);
    if (end === ',') continue;
    if (cells.length > 1 || cells[0] !== '') rows.push({ cells, line: start });
    cells = [];
    start = line;
  }
  return rows;
}

/** Since Node 22.15. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array };

/** Snappy is in the library; of the others those that Node has. */
const compressors: Compressors = {
  GZIP: (input) => zlib.gunzipSync(input),
  BROTLI: (input) => zlib.brotliDecompressSync(input),
  ...(zstdDecompressSync && { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) }),
};

/**
 * Of a damaged file hyparquet 1.31 refuses one column and leaves the promises of others behind; their refusals, which come a turn
 * later, would end the process.
 */
async function leavingNothing<T>(work: () => Promise<T>): Promise<T> {
  const leave = () => {};
  process.on('unhandledRejection', leave);
  try {
    return await work();
  } finally {
    setTimeout(() => process.off('unhandledRejection', leave), 0);
    await new Promise((resume) => setImmediate(resume));
  }
}

async function parquet(file: string, bytes: Buffer): Promise<PlacedRecord[]> {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await leavingNothing(() => parquetReadObjects({ file: buffer, compressors })).catch((error: Error) =>
    fail('invalid-record', `The Parquet file cannot be read: ${error.message}.`, {
      place: file,
      remedy: 'Fetch it again, or write it with Snappy or Gzip.',
    }),
  );
  return rows.map((row, i) => ({ record: plain(row) as Record<string, unknown>, place: numbered(file, i) }));
}

/** 64-bit integers as numbers: labels and indices are small. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
}
