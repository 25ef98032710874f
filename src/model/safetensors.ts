import { type FileHandle, open } from 'node:fs/promises';
import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import { dtypes, elements } from './dtypes.ts';
import { duplicateKey } from './duplicate-key.ts';
import { dequantise } from './int4.ts';
import type { Dtype, TensorRef } from './types.ts';

/** The format's own limit for the JSON header (safetensors, `MAX_HEADER_SIZE`). */
export const maxHeaderBytes = 100_000_000;

export interface SafetensorsFile {
  file: string;
  /** In the order of the data. */
  tensors: TensorRef[];
  metadata: Record<string, string>;
  /** Bytes of the whole file. */
  size: number;
}

/**
 * Reads and checks the header of a .safetensors file: 8 bytes length, JSON, data. Everything that the header claims is
 * compared with the file, so a tensor that is returned can be read.
 * Source: https://github.com/huggingface/safetensors#format and its `validate`.
 * Fails with `invalid-safetensors-…`, one code for each kind of defect.
 */
export async function readHeader(file: string): Promise<SafetensorsFile> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const json = await headerText(handle, file, size);
    return parseHeader(file, json.text, json.dataStart, size);
  } finally {
    await handle.close();
  }
}

async function headerText(handle: FileHandle, file: string, size: number) {
  const reject = rejectIn(file);
  if (size < 8) return reject('short', `has only ${size} bytes, so it holds no header`);
  const start = await readExactly(handle, 0, Math.min(size, 64), file);
  if (start.toString('latin1').startsWith('version https://git-lfs'))
    return fail('invalid-safetensors-lfs', `${file} is a Git LFS pointer, not the weights themselves.`, {
      place: file,
      remedy: 'Run `git lfs pull` in its folder, or download the file again.',
    });
  const length = start.readBigUInt64LE(0);
  if (length > BigInt(maxHeaderBytes))
    return reject('header-size', `claims a header of ${length} bytes; the format allows ${maxHeaderBytes}`);
  const dataStart = 8 + Number(length);
  if (dataStart > size)
    return reject('header-truncated', `ends inside its header: ${size} bytes of at least ${dataStart}`);
  return { text: (await readExactly(handle, 8, Number(length), file)).toString('utf8'), dataStart };
}

function parseHeader(file: string, text: string, dataStart: number, size: number): SafetensorsFile {
  const reject = rejectIn(file);
  const header = parseJson(text);
  if (header === undefined) return reject('json', 'has a header that is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) return reject('duplicate', `names the tensor ${twice} twice`);
  const metadata: Record<string, string> = {};
  const tensors: TensorRef[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (!isStrings(entry)) return reject('metadata', 'has __metadata__ that is not a map of texts');
      Object.assign(metadata, entry);
    } else tensors.push(parseEntry(file, name, entry, dataStart));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataStart;
  for (const tensor of tensors) {
    if (tensor.offset < end) return reject('overlap', `lets ${tensor.name} overlap the tensor before it`);
    if (tensor.offset > end) return reject('gap', `leaves ${tensor.offset - end} bytes unused before ${tensor.name}`);
    end = tensor.offset + tensor.bytes;
  }
  if (end > size)
    return reject('truncated', `is cut off: its header describes ${end} bytes, the file has ${size}`, redownload);
  if (end < size) return reject('trailing', `has ${size - end} bytes more than its header describes`);
  return { file, tensors, metadata, size };
}

function parseEntry(file: string, name: string, entry: unknown, dataStart: number): TensorRef {
  const reject = rejectIn(file);
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return reject('entry', `describes ${name} with something that is not an object`);
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype))
    return reject('dtype', `stores ${name} as ${shown(dtype)}, a type that is not supported`, {
      remedy: 'Convert the checkpoint to float32, bfloat16 or float16 (quantised weights cannot be trained or merged).',
    });
  if (!isCounts(shape)) return reject('shape', `gives ${name} the shape ${shown(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return reject('offsets', `gives ${name} the data_offsets ${shown(offsets)}`);
  const bytes = offsets[1]! - offsets[0]!;
  const expected = elements(shape) * dtypes[dtype as Dtype].bytes;
  if (bytes !== expected)
    return reject('size', `gives ${name} ${bytes} bytes, but ${dtype} [${shape.join(', ')}] needs ${expected}`);
  return { name, shape: [...shape], dtype: dtype as Dtype, file, offset: dataStart + offsets[0]!, bytes };
}

const redownload = { remedy: 'The download or copy was interrupted: fetch the file again.' };

function rejectIn(file: string) {
  return (defect: string, what: string, more: { remedy?: string } = {}): never =>
    fail(`invalid-safetensors-${defect}`, `${file} ${what}.`, {
      place: file,
      remedy: more.remedy ?? 'The file is damaged or was written by a faulty program: fetch or write it again.',
    });
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isStrings(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((v) => typeof v === 'string')
  );
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** One read call moves at most 2³¹ − 1 bytes on Linux; Node refuses more. */
const readLimit = 1 << 30;

async function readExactly(handle: FileHandle, offset: number, length: number, file: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  await fillFrom(handle, offset, buffer, file);
  return buffer;
}

/** Fills `target` from `offset` of an open file; a file that ends before is `tensor-truncated`. */
export async function fillFrom(handle: FileHandle, offset: number, target: Uint8Array, file: string): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(readLimit, target.length - done);
    const { bytesRead } = await handle.read(target, done, length, offset + done);
    if (bytesRead === 0)
      fail('tensor-truncated', `${file} became shorter while it was read.`, {
        place: file,
        remedy: 'Something changed the file: restore it and start again.',
      });
    done += bytesRead;
  }
}

/** The stored bytes of a tensor. */
export async function readBytes(ref: TensorRef): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(ref.file, 'r');
  try {
    const buffer = await readExactly(handle, ref.offset, ref.bytes, ref.file);
    return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length);
  } finally {
    await handle.close();
  }
}

/** The values of a tensor as float32, row-major: exact for F32, BF16, F16; F64 and integers are rounded. */
export async function readTensor(ref: TensorRef): Promise<Float32Array<ArrayBuffer>> {
  const bytes = await readBytes(ref);
  if (ref.scales) return dequantise(bytes, await readTensor(ref.scales), ref.shape[1]!);
  if (ref.dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, elements(ref.shape));
  const out = new Float32Array(elements(ref.shape));
  dtypes[ref.dtype].decode(bytes, out);
  return out;
}
