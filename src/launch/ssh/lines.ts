import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** More output than this without a marked line is no noisy profile but another program. */
const mostNoise = 4 * 2 ** 20;

/**
 * The lines of a byte stream that begin with a mark; everything else (what a profile prints) is passed over. Once they have
 * been read, `release` gives the stream back with every byte after the last line.
 */
export class MarkedLines {
  readonly #stream: Readable;
  readonly #mark: string;
  #rest: Buffer = Buffer.alloc(0);
  #noise = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onReadable = (): void => this.#wake?.();
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  constructor(stream: Readable, mark: string) {
    this.#stream = stream;
    this.#mark = mark;
    stream.on('readable', this.#onReadable);
    stream.once('close', this.#onEnd);
    stream.once('end', this.#onEnd);
  }

  /** Words of the next marked line; undefined once the stream has ended, or makes nothing but noise. */
  async next(): Promise<string[] | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      if (end >= 0) {
        const line = new StringDecoder('utf8').end(this.#rest.subarray(0, end));
        this.#rest = this.#rest.subarray(end + 1);
        // A prompt or a colour without a line end may stand before the mark.
        const at = line.indexOf(`${this.#mark} `);
        if (at >= 0)
          return line
            .slice(at + this.#mark.length + 1)
            .trimEnd()
            .split(' ');
        this.#noise += end;
        continue;
      }
      const more = this.#stream.read() as Buffer | null;
      if (more !== null && this.#noise + this.#rest.length <= mostNoise) {
        this.#rest = this.#rest.length === 0 ? more : Buffer.concat([this.#rest, more]);
        continue;
      }
      if (this.#ended || this.#noise + this.#rest.length > mostNoise) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Gives the stream back as if it had not been read: with the bytes after the last line, not yet flowing. */
  release(): void {
    this.#stream.off('readable', this.#onReadable);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('close', this.#onEnd);
    if (this.#rest.length > 0) this.#stream.unshift(this.#rest);
    this.#rest = Buffer.alloc(0);
  }
}
