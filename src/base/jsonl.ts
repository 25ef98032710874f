import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Parses whole lines; an unfinished or torn last line is left out. A broken line elsewhere throws SyntaxError. */
export function parseJsonLines<T>(text: string): T[] {
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  const out: T[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    try {
      out.push(JSON.parse(line) as T);
    } catch (error) {
      if (i === lines.length - 1 && rest === '') continue;
      throw error;
    }
  }
  return out;
}

/** The records of a file, or [] if it does not exist. */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  try {
    return parseJsonLines<T>(await readFile(path, 'utf8'));
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
    writeSync(this.#fd, `${JSON.stringify(record)}\n`);
  }
  /** Makes what was appended durable: a power cut cannot take it back. */
  sync(): void {
    fsyncSync(this.#fd);
  }
  close(): void {
    closeSync(this.#fd);
  }
}
