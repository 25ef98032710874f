import { isUtf8 } from 'node:buffer';
import { open, readFile } from 'node:fs/promises';
import { fail, toProblem } from '../base/problem.ts';

/**
 * The bytes of a UTF-8 text file, without a byte-order mark at its beginning.
 * Fails with `file-missing` and the like, or `text-not-utf8` with the offset of the first wrong byte.
 */
export async function readUtf8(file: string): Promise<Buffer> {
  return checked(file, await readFile(file).catch(rethrow));
}

/** The whole lines among the first `limit` bytes; all of the file if it is shorter or has no line end there. */
export async function readHead(file: string, limit = 1 << 20): Promise<Buffer> {
  const handle = await open(file).catch(rethrow);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(limit), 0, limit, 0);
    const end = bytesRead < limit ? bytesRead : buffer.lastIndexOf(0x0a) + 1;
    if (end > 0 || bytesRead === 0) return checked(file, buffer.subarray(0, end));
  } catch (error) {
    rethrow(error);
  } finally {
    await handle.close();
  }
  return readUtf8(file);
}

/** Errors of the operating system as problems. */
function rethrow(error: unknown): never {
  const problem = toProblem(error);
  if (problem) fail(problem.code, problem.message, problem);
  throw error;
}

function checked(file: string, bytes: Buffer): Buffer {
  if (!isUtf8(bytes))
    fail('text-not-utf8', `The file is not UTF-8: byte ${firstWrongByte(bytes)} begins no valid character.`, {
      place: file,
      remedy: 'Convert it to UTF-8 (iconv -t UTF-8).',
    });
  return bytes.subarray(0, 3).equals(byteOrderMark) ? bytes.subarray(3) : bytes;
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Offset of the first byte that belongs to no valid character. */
export function firstWrongByte(bytes: Uint8Array): number {
  let offset = 0;
  while (offset < bytes.length) {
    const first = bytes[offset]!;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (offset + length > bytes.length || !isUtf8(bytes.subarray(offset, offset + length))) return offset;
    offset += length;
  }
  return -1;
}

/** Lines of a text with their numbers from 1, decoded one by one: a file may be larger than the longest string. */
export function* lines(bytes: Buffer): Generator<{ text: string; number: number }> {
  let start = 0;
  for (let number = 1; start < bytes.length; number++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const last = end > start && bytes[end - 1] === 0x0d ? end - 1 : end;
    yield { text: bytes.toString('utf8', start, last), number };
    start = end + 1;
  }
}
