import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fail } from './problem.ts';

/** What is known of the lines that are read. */
interface Reading {
  /** For messages. */
  file?: string;
  /** Whether a value is a record of this file; anything else is as bad as no JSON. */
  fits?: (value: unknown) => boolean;
}

/**
 * Parses whole lines; an unfinished or torn last line is left out. A broken line elsewhere fails with `records-damaged` at
 * `file:line`.
 */
export function parseJsonLines<T>(text: string, { file = 'The file', fits = () => true }: Reading = {}): T[] {
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  const out: T[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const value = parse(line);
    if (value !== undefined && fits(value)) out.push(value as T);
    else if (value !== undefined || i < lines.length - 1 || rest !== '') damaged(file, i + 1);
  }
  return out;
}

/** Undefined for what is no JSON: that is no value of JSON. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function damaged(file: string, line: number): never {
  fail('records-damaged', `${file}: line ${line} is no record.`, {
    place: `${file}:${line}`,
    remedy: 'The file was changed, or the disk lost a part of it: restore it, or remove what it belongs to.',
  });
}

/** The records of a file, or [] if it does not exist. Fails as `parseJsonLines`. */
export async function readJsonLines<T>(path: string, fits?: Reading['fits']): Promise<T[]> {
  try {
    return parseJsonLines<T>(await readFile(path, 'utf8'), { file: path, ...(fits && { fits }) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Appends records, one write each, so that a crash tears at most the last line. Owner calls `close`. */
export class JsonLinesWriter {
  readonly path: string;
  #fd: number;
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'a+', 0o600);
    const { size } = fstatSync(this.#fd);
    const last = Buffer.alloc(1);
    // A torn line from a crash is closed, so that the next record stands on a line of its own.
    if (size > 0 && readSync(this.#fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a) writeSync(this.#fd, '\n');
  }
  append(record: unknown): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    // A disk that becomes full takes a part of it and says so only when the rest is written.
    for (let done = 0; done < line.length; ) done += writeSync(this.#fd, line, done);
  }
  /** Makes what was appended durable: a power cut cannot take it back. */
  sync(): void {
    fsyncSync(this.#fd);
  }
  close(): void {
    closeSync(this.#fd);
  }
}
