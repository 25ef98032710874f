/**
 * Writer for the protocol-buffer wire format (https://protobuf.dev/programming-guides/encoding/): just what ONNX models need.
 * Chunks are kept, not copied, until `finish`.
 */
export class ProtobufWriter {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #open = new Uint8Array(256);
  #used = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length + this.#used;
  }

  #byte(value: number): void {
    if (this.#used === this.#open.length) this.#close();
    this.#open[this.#used++] = value;
  }

  #close(): void {
    if (this.#used === 0) return;
    this.#chunks.push(this.#open.subarray(0, this.#used));
    this.#length += this.#used;
    this.#open = new Uint8Array(4096);
    this.#used = 0;
  }

  #append(chunks: readonly Uint8Array[]): void {
    this.#close();
    for (const chunk of chunks) {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
    }
  }

  /** Base-128 varint; a negative number is written as its 64-bit two's complement. */
  #varint(value: number): void {
    if (!Number.isSafeInteger(value)) throw new Error(`protobuf: ${value} is no safe integer`);
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.#byte(Number(rest & 127n) | 128);
      this.#byte(Number(rest));
      return;
    }
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#byte((rest % 128) | 128);
    this.#byte(rest);
  }

  #tag(field: number, wireType: 0 | 2 | 5): void {
    this.#varint(field * 8 + wireType);
  }

  int(field: number, value: number): void {
    this.#tag(field, 0);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#tag(field, 5);
    for (const byte of new Uint8Array(Float32Array.of(value).buffer)) this.#byte(byte);
  }

  /** The array is not copied: it must not change before `finish`. */
  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.length);
    this.#append([value]);
  }

  string(field: number, value: string): void {
    const encoded = Buffer.from(value, 'utf8');
    this.#tag(field, 2);
    this.#varint(encoded.length);
    for (const byte of encoded) this.#byte(byte);
  }

  message(field: number, write: (writer: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    write(inner);
    inner.#close();
    this.#tag(field, 2);
    this.#varint(inner.#length);
    this.#append(inner.#chunks);
  }

  finish(): Uint8Array {
    this.#close();
    return Buffer.concat(this.#chunks, this.#length);
  }
}
