import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { isRecord } from '../../base/guards.ts';

/*
 * Frames on a byte channel: `~strata SUM JSON LF`, then as many bytes of payload as the JSON's `bytes` says. SUM is the first
 * eight digits of the sha256 over JSON and payload: what a broken link leaves is never taken for a frame. What a login shell
 * prints before the first frame is passed over; after it, nothing but frames may come.
 */

const magic = '~strata ';
const sumDigits = 8;
/** A shell that prints more than this before the agent's first frame does not lead to an agent. */
const noiseLimit = 1 << 20;
/** A list of orders with their specs is the longest there is. */
const headLimit = 64 << 20;
/** Files go in pieces that are far smaller. */
const payloadLimit = 1 << 30;
const newline = 0x0a;
const space = 0x20;

export interface Framed {
  head: Record<string, unknown>;
  payload: Buffer;
}

function sumOf(json: string | Buffer, payload: Uint8Array): string {
  return createHash('sha256').update(json).update(payload).digest('hex').slice(0, sumDigits);
}

/** Bytes of a frame. `head` must not have a key `bytes`. */
export function encodeFrame(head: object, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const json = JSON.stringify(payload.length > 0 ? { ...head, bytes: payload.length } : head);
  return Buffer.concat([Buffer.from(`${magic}${sumOf(json, payload)} ${json}\n`), payload]);
}

/** What came is no frame: the channel is of no use any more. */
export class BrokenFrame extends Error {}

/** Takes bytes as they come and gives whole frames. Throws `BrokenFrame`. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  #started = false;
  /** What came before the first frame, shortened: the reason, where no frame ever comes. */
  noise = '';
  #wanted = 0;

  *push(chunk: Buffer): Generator<Framed> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#wanted) return;
    let bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    for (;;) {
      if (!this.#started) bytes = this.#passOver(bytes);
      if (!this.#started) break;
      const taken = this.#take(bytes);
      if (!taken) break;
      bytes = bytes.subarray(taken.length);
      yield taken.frame;
    }
    this.#chunks = [bytes];
    this.#size = bytes.length;
  }

  #passOver(bytes: Buffer): Buffer {
    const at = bytes.indexOf(magic);
    const noise = at < 0 ? bytes : bytes.subarray(0, at);
    this.noise = noise.subarray(-2000).toString('utf8').trim();
    if (at >= 0) {
      this.#started = true;
      return bytes.subarray(at);
    }
    if (bytes.length > noiseLimit) throw new BrokenFrame('no agent answered, only other output came');
    return bytes;
  }

  #take(bytes: Buffer): { frame: Framed; length: number } | undefined {
    this.#wanted = 0;
    const end = bytes.indexOf(newline);
    const start = bytes.subarray(0, magic.length).toString('latin1');
    if (start !== magic.slice(0, start.length)) throw new BrokenFrame('a frame does not begin as one');
    if (end < 0) {
      if (bytes.length > headLimit) throw new BrokenFrame('a frame is too long');
      return undefined;
    }
    const json = bytes.subarray(magic.length + sumDigits + 1, end);
    if (bytes[magic.length + sumDigits] !== space) throw new BrokenFrame('a frame was changed on its way');
    let head: Record<string, unknown>;
    try {
      head = JSON.parse(json.toString('utf8')) as Record<string, unknown>;
    } catch {
      throw new BrokenFrame('a frame is no JSON');
    }
    const count = payloadSize(head);
    if (count === undefined) throw new BrokenFrame('a frame says how long it is with something that is no length');
    const length = end + 1 + count;
    if (bytes.length < length) {
      this.#wanted = length;
      return undefined;
    }
    const payload = bytes.subarray(end + 1, length);
    const sum = bytes.subarray(magic.length, magic.length + sumDigits).toString('latin1');
    if (sum !== sumOf(json, payload)) throw new BrokenFrame('a frame was changed on its way');
    return { frame: { head, payload }, length };
  }
}

/** Bytes that follow a head; undefined if it is no head, or no length. */
function payloadSize(head: unknown): number | undefined {
  if (!isRecord(head)) return undefined;
  const { bytes = 0 } = head;
  const fits = typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 0 && bytes <= payloadLimit;
  return fits ? bytes : undefined;
}

/** Writes frames and waits where the other side does not read. */
export class FrameWriter {
  readonly #output: Writable;
  constructor(output: Writable) {
    this.#output = output;
    // As many may wait for the other side as there are askings under way.
    output.setMaxListeners(0);
  }
  /** Resolves when more can be written; at once when the channel has ended. */
  send(head: object, payload?: Uint8Array): Promise<void> {
    const output = this.#output;
    if (output.destroyed || output.writableEnded) return Promise.resolve();
    if (output.write(encodeFrame(head, payload))) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        output.off('drain', done);
        output.off('close', done);
        resolve();
      };
      output.on('drain', done);
      output.on('close', done);
    });
  }
}

/**
 * Calls `take` for each frame that comes in, and `heard` for any byte; resolves at the end, rejects with `BrokenFrame`. While a
 * promise of `take` is pending nothing is read.
 */
export async function readFrames(
  input: Readable,
  reader: FrameReader,
  take: (frame: Framed) => Promise<void> | undefined,
  heard: () => void,
): Promise<void> {
  for await (const chunk of input) {
    heard();
    for (const frame of reader.push(chunk as Buffer)) {
      const wait = take(frame);
      if (wait) await wait;
    }
  }
}
