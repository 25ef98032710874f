import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtobufWriter } from '../../../src/graph/protobuf.ts';

/** Bytes written by `write`, in hexadecimal. */
function written(write: (w: ProtobufWriter) => void): string {
  const w = new ProtobufWriter();
  write(w);
  return Buffer.from(w.finish()).toString('hex');
}

test('the wire format, by examples of the specification', () => {
  const cases: [string, (w: ProtobufWriter) => void, string][] = [
    ['varint 1', (w) => w.int(1, 1), '0801'],
    ['varint 150', (w) => w.int(1, 150), '089601'],
    ['varint above 32 bits', (w) => w.int(1, 2 ** 40), '08808080808020'],
    ['−1 is ten bytes', (w) => w.int(1, -1), '08ffffffffffffffffff01'],
    ['field number above 15', (w) => w.int(20, 7), 'a00107'],
    ['string', (w) => w.string(2, 'testing'), '120774657374696e67'],
    ['string that is not ASCII', (w) => w.string(2, 'é'), '1202c3a9'],
    ['float, little-endian', (w) => w.float(3, 1.5), '1d0000c03f'],
    ['message in a message', (w) => w.message(3, (m) => m.int(1, 150)), '1a03089601'],
    ['empty message', (w) => w.message(3, () => {}), '1a00'],
    ['bytes', (w) => w.bytes(4, Uint8Array.of(1, 2, 3)), '2203010203'],
  ];
  for (const [name, write, expected] of cases) assert.equal(written(write), expected, name);
});

test('long content keeps its order across chunks', () => {
  const text = 'x'.repeat(10_000);
  const w = new ProtobufWriter();
  w.string(1, text);
  w.message(2, (m) => {
    m.string(1, text);
    m.bytes(2, new Uint8Array(5000));
  });
  const bytes = Buffer.from(w.finish());
  assert.equal(w.length, bytes.length);
  assert.equal(bytes.subarray(3, 10_003).toString(), text);
  assert.equal(bytes.subarray(-5003, -5000).toString('hex'), '128827');
});

test('a number that is no integer is a defect', () => {
  assert.throws(() => written((w) => w.int(1, 1.5)), /no safe integer/);
});
