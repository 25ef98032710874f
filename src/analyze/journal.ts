import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, isString } from '../base/guards.ts';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { JsonLinesWriter } from '../base/jsonl.ts';

/** Results of parts of the work, kept as soon as they are there: what was killed goes on from here. */
export interface Journal {
  /** What was noted under the key, bit for bit; undefined if nothing was. */
  find(key: string): Float64Array | undefined;
  note(key: string, values: Float64Array): void;
  close(): void;
}

/** Raised when the same content and key mean other values. */
const version = 1;

/**
 * The journal of everything that `content` decides, in `folder`: whoever asks for the same finds it, whatever it is called.
 * Without a folder nothing outlives the process.
 */
export async function openJournal(folder: string | undefined, content: unknown): Promise<Journal> {
  if (folder === undefined) {
    const noted = new Map<string, Float64Array>();
    return {
      find: (key) => noted.get(key),
      note: (key, values) => void noted.set(key, values),
      close() {},
    };
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${sha256(canonicalJson({ version, content })).slice(0, 32)}.jsonl`);
  const noted = await read(file);
  const writer = new JsonLinesWriter(file);
  return {
    find: (key) => noted.get(key),
    note(key, values) {
      noted.set(key, values);
      writer.append({ key, values: encode(values) });
    },
    close: () => writer.close(),
  };
}

/** Two that work on the same at once note the same values: the first counts. A line that a kill tore is left out. */
async function read(file: string): Promise<Map<string, Float64Array>> {
  const noted = new Map<string, Float64Array>();
  for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n')) {
    const entry = parseEntry(line);
    if (entry && !noted.has(entry.key)) noted.set(entry.key, decode(entry.values));
  }
  return noted;
}

const isEntry = isObject({ key: isString, values: isString });

function parseEntry(line: string): { key: string; values: string } | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

const encode = (values: Float64Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');

function decode(text: string): Float64Array {
  // A copy of its own stands at an offset that a typed array can view.
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float64Array(bytes.buffer, 0, bytes.length >> 3);
}
