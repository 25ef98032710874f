import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../base/files.ts';
import { dtypes, elements } from './dtypes.ts';
import { Files, type TensorSource } from './sources.ts';

export interface WriteOptions {
  metadata?: Record<string, string>;
  /** Permissions before the umask; 0666 by default. */
  mode?: number;
  /** Called after each piece with the bytes written since the last call. */
  onBytes?: (bytes: number) => void;
  signal?: AbortSignal;
}

/** Bytes moved at a time. Two pieces are in memory: one is filled while the other is written. */
const pieceBytes = 8 << 20;
/** Written data is pushed to the disk this often, so that the last fsync does not wait for gigabytes. */
const flushEvery = 256 << 20;

export function byteLength(source: Pick<TensorSource, 'shape' | 'dtype'>): number {
  return elements(source.shape) * dtypes[source.dtype].bytes;
}

/**
 * Writes a .safetensors file in the order given, wider dtypes first so that every tensor is aligned; complete and on disk,
 * or not there at all (temporary file, fsync, rename). Needs a few pieces of memory, whatever the size.
 */
export async function writeSafetensors(
  file: string,
  sources: readonly TensorSource[],
  options: WriteOptions = {},
): Promise<void> {
  const ordered = [...sources].sort((a, b) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
  const files = new Files();
  try {
    const handle = await open(temporary, 'wx', options.mode ?? 0o666);
    try {
      const header = headerBytes(ordered, options.metadata ?? { format: 'pt' });
      await handle.write(header, 0, header.length, 0);
      await writePieces(handle, header.length, ordered, files, options);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await files.dispose();
  }
}

/** Length and JSON, padded with spaces so that the data begin at a multiple of 8 bytes. */
function headerBytes(sources: readonly TensorSource[], metadata: Record<string, string>): Buffer {
  const entries: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const source of sources) {
    if (Object.hasOwn(entries, source.name)) throw new Error(`${source.name} is written twice`);
    const end = offset + byteLength(source);
    entries[source.name] = { dtype: source.dtype, shape: source.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(entries));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(header, 8);
  return header;
}

function* pieces(
  sources: readonly TensorSource[],
): Generator<{ source: TensorSource; offset: number; length: number }> {
  for (const source of sources) {
    const bytes = byteLength(source);
    for (let offset = 0; offset < bytes; offset += pieceBytes)
      yield { source, offset, length: Math.min(pieceBytes, bytes - offset) };
  }
}

async function writePieces(
  handle: FileHandle,
  start: number,
  sources: readonly TensorSource[],
  files: Files,
  { onBytes, signal }: WriteOptions,
): Promise<void> {
  let buffer = new Uint8Array(pieceBytes);
  let other = new Uint8Array(pieceBytes);
  let position = start;
  let unflushed = 0;
  let writing: Promise<void> = Promise.resolve();
  let flushing: Promise<void> = Promise.resolve();
  try {
    for (const { source, offset, length } of pieces(sources)) {
      signal?.throwIfAborted();
      const piece = buffer.subarray(0, length);
      await source.fill(offset, piece, files);
      await writing;
      writing = writeAll(handle, piece, position);
      // The failure surfaces at the next `await writing`, not as an unhandled rejection in between.
      writing.catch(() => {});
      [buffer, other] = [other, buffer];
      position += length;
      unflushed += length;
      if (unflushed >= flushEvery) {
        unflushed = 0;
        await flushing;
        flushing = handle.datasync();
        flushing.catch(() => {});
      }
      onBytes?.(length);
    }
    await writing;
    await flushing;
  } catch (error) {
    // The file is closed by the caller: nothing may still be writing to it.
    await Promise.allSettled([writing, flushing]);
    throw error;
  }
}

async function writeAll(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < piece.length; )
    done += (await handle.write(piece, done, piece.length - done, position + done)).bytesWritten;
}
