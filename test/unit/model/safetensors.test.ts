import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../src/base/problem.ts';
import { dtypes, elements } from '../../../src/model/dtypes.ts';
import { maxHeaderBytes, readBytes, readHeader, readTensor } from '../../../src/model/safetensors.ts';
import { stored, values } from '../../../src/model/sources.ts';
import type { Dtype } from '../../../src/model/types.ts';
import { writeSafetensors } from '../../../src/model/writer.ts';
import { temporaryFolder } from '../../support.ts';

const folder = await temporaryFolder();
let files = 0;

/** A file with this header (an object, or its text) and this many bytes of data. */
async function fileWith(header: unknown, dataBytes: number, claimed?: bigint): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(json.length));
  const file = join(folder, `${files++}.safetensors`);
  await writeFile(file, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return file;
}

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.match(error.problem.message, /\.$/);
    assert.ok(error.problem.remedy);
    return error.problem.code.replace('invalid-safetensors-', '');
  }
  return 'accepted';
}

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('every lie of a header has its own code', () => {
  const lies: [string, unknown, number, bigint?][] = [
    ['accepted', { a: f32(0, 8), b: f32(8, 12) }, 12],
    ['accepted', { b: f32(8, 12), a: f32(0, 8), __metadata__: { format: 'pt' } }, 12],
    ['accepted', { empty: f32(0, 0, [0, 5]), scalar: f32(0, 4, []) }, 4],
    ['accepted', `${JSON.stringify({ a: f32(0, 4) })}     `, 4],
    ['header-size', {}, 0, BigInt(maxHeaderBytes) + 1n],
    ['header-size', {}, 0, 0xffff_ffff_ffff_ffffn],
    ['header-truncated', {}, 0, 1000n],
    ['json', '{"a": ', 0],
    ['json', '[]', 0],
    ['json', '', 0],
    ['entry', { a: 5 }, 0],
    ['entry', { a: null }, 0],
    ['metadata', { __metadata__: { n: 1 }, a: f32(0, 4) }, 4],
    ['duplicate', `{"a":${JSON.stringify(f32(0, 4))},"a":${JSON.stringify(f32(0, 4))}}`, 4],
    ['duplicate', `{"a":${JSON.stringify(f32(0, 4))}, "\\u0061" :${JSON.stringify(f32(0, 4))}}`, 4],
    ['dtype', { a: { ...f32(0, 4), dtype: 'F8_E4M3' } }, 4],
    ['dtype', { a: { ...f32(0, 4), dtype: 'toString' } }, 4],
    ['shape', { a: f32(0, 4, [-1]) }, 4],
    ['shape', { a: f32(0, 4, [1.5]) }, 4],
    ['shape', { a: f32(0, 4, 'x') }, 4],
    ['offsets', { a: { ...f32(0, 4), data_offsets: [4, 0] } }, 4],
    ['offsets', { a: { ...f32(0, 4), data_offsets: [0] } }, 4],
    ['offsets', { a: { ...f32(0, 4), data_offsets: [-4, 0] } }, 4],
    ['size', { a: f32(0, 4, [2]) }, 4],
    ['size', { a: f32(0, 4, [2 ** 31, 2 ** 31, 2 ** 31]) }, 4],
    ['overlap', { a: f32(0, 8), b: f32(4, 12) }, 12],
    ['gap', { a: f32(0, 4), b: f32(8, 12) }, 12],
    ['gap', { a: f32(4, 8) }, 8],
    ['truncated', { a: f32(0, 8) }, 7],
    ['trailing', { a: f32(0, 8) }, 9],
  ];
  for (const [expected, header, bytes, claimed] of lies)
    test(`${expected}: ${(typeof header === 'string' ? header : JSON.stringify(header)).slice(0, 60)}`, async () => {
      assert.equal(await code(readHeader(await fileWith(header, bytes, claimed))), expected);
    });

  test('short: fewer bytes than a length', async () => {
    const file = join(folder, 'short.safetensors');
    await writeFile(file, 'abc');
    assert.equal(await code(readHeader(file)), 'short');
  });
  test('a Git LFS pointer is named as such', async () => {
    const file = join(folder, 'lfs.safetensors');
    await writeFile(file, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
    assert.equal(await code(readHeader(file)), 'lfs');
  });
  test('a file that shrinks after its header was read', async () => {
    const file = await fileWith({ a: f32(0, 8) }, 8);
    const { tensors } = await readHeader(file);
    await writeFile(file, (await readFile(file)).subarray(0, -4));
    assert.equal(await code(readTensor(tensors[0]!)), 'tensor-truncated');
  });
});

test('keys inside values and text with quotes are no duplicates', async () => {
  const header = { 'a"b\\': f32(0, 4), dtype: f32(4, 8), shape: f32(8, 12), 'x:{"dtype"': f32(12, 16) };
  assert.equal((await readHeader(await fileWith(header, 16))).tensors.length, 4);
});

test('what is written is read: names, shapes, dtypes and every byte', async () => {
  const tensor = fc.record({
    name: fc.string({ minLength: 1, maxLength: 12 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
    dtype: fc.constantFrom<Dtype>('F64', 'F32', 'F16', 'BF16'),
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 8 }), async (tensors) => {
      const file = join(folder, 'round-trip.safetensors');
      const data = new Map(
        tensors.map((t) => [t.name, Float32Array.from({ length: elements(t.shape) }, (_, i) => i / 4 - 3)]),
      );
      await writeSafetensors(
        file,
        tensors.map(({ name, shape, dtype }) => values(name, shape, dtype, data.get(name)!)),
        { metadata: { format: 'pt', note: 'x' } },
      );
      const read = await readHeader(file);
      assert.deepEqual(read.metadata, { format: 'pt', note: 'x' });
      assert.equal(read.tensors.length, tensors.length);
      for (const { name, shape, dtype } of tensors) {
        const ref = read.tensors.find((t) => t.name === name)!;
        assert.deepEqual([ref.shape, ref.dtype], [shape, dtype]);
        assert.deepEqual(await readTensor(ref), data.get(name));
        assert.equal(ref.offset % dtypes[dtype].bytes, 0);
      }
      const copy = join(folder, 'copy.safetensors');
      await writeSafetensors(
        copy,
        read.tensors.map((ref) => stored(ref)),
        { metadata: read.metadata },
      );
      assert.deepEqual(await readFile(copy), await readFile(file));
    }),
    { numRuns: 30 },
  );
});

test('tensors larger than the pieces they are moved in', async () => {
  const file = join(folder, 'large.safetensors');
  const data = Float32Array.from({ length: 5_000_003 }, (_, i) => i % 1013);
  await writeSafetensors(file, [values('x', [5_000_003], 'BF16', data), values('y', [1], 'F32', data.subarray(7, 8))]);
  const { tensors } = await readHeader(file);
  assert.deepEqual(
    tensors.map((t) => t.name),
    ['y', 'x'],
  );
  const x = await readTensor(tensors[1]!);
  for (const i of [0, 4_194_303, 4_194_304, 5_000_002]) assert.equal(x[i], i % 1013 < 256 ? i % 1013 : x[i]);
  assert.equal((await readBytes(tensors[1]!)).length, 10_000_006);
});

test('a writing that fails leaves neither the file nor a part of it', async () => {
  const place = await temporaryFolder();
  const broken = {
    name: 'x',
    shape: [8],
    dtype: 'F32' as const,
    fill: async () => {
      throw new Error('the disk is on fire');
    },
  };
  await assert.rejects(writeSafetensors(join(place, 'x.safetensors'), [broken]), /on fire/);
  assert.deepEqual(await readdir(place), []);
  const aborted = AbortSignal.abort();
  await assert.rejects(
    writeSafetensors(join(place, 'x.safetensors'), [values('x', [1], 'F32', new Float32Array(1))], { signal: aborted }),
  );
  assert.deepEqual(await readdir(place), []);
});
