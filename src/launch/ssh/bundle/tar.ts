import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** One file of an archive: its bytes, or the path of a file that has them. */
export interface Entry {
  /** Relative, with `/`; at most 100 bytes. */
  name: string;
  source: { path: string } | { text: string };
  executable?: boolean;
}

const block = 512;

/** The header of a file (POSIX.1-1988 ustar), without owner and time, so that equal content gives equal archives. Pure. */
export function header(name: string, size: number, executable = false): Buffer {
  const path = Buffer.from(name, 'utf8');
  if (path.length > 100) throw new RangeError(`name too long for this archive: ${name}`);
  const head = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    head.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  path.copy(head, 0);
  octal(executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  head.write(' '.repeat(8), 148, 'latin1');
  head.write('0', 156, 'latin1');
  head.write('ustar\x0000', 257, 'latin1');
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}

/** Bytes of an uncompressed archive of these entries, in order. A file that changes its size meanwhile is a defect. */
export async function* archive(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  for (const { name, source, executable } of entries) {
    const text = 'text' in source ? Buffer.from(source.text, 'utf8') : undefined;
    const size = text?.length ?? (await stat((source as { path: string }).path)).size;
    yield header(name, size, executable);
    let written = 0;
    for await (const bytes of text ? [text] : createReadStream((source as { path: string }).path)) {
      written += bytes.length;
      yield bytes as Buffer;
    }
    if (written !== size) throw new Error(`${name} changed while it was read`);
    if (size % block > 0) yield Buffer.alloc(block - (size % block));
  }
  yield Buffer.alloc(2 * block);
}

/** Writes a `.tgz` so that it is there whole or not at all. */
export async function writeArchive(file: string, entries: readonly Entry[]): Promise<void> {
  const temporary = `${file}.${process.pid}.part`;
  try {
    await pipeline(
      Readable.from(archive(entries)),
      createGzip({ level: 6 }),
      createWriteStream(temporary, { mode: 0o600 }),
    );
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}
