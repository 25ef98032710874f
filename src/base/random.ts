import { createHash } from 'node:crypto';

/** A seeded source of pseudo-random numbers (xoshiro128**), the same on every machine. */
export interface Random {
  /** Uniform in [0, 2³²). */
  uint32(): number;
  /** Uniform in [0, 1), 53 bits. */
  float(): number;
  /** Uniform integer in [0, n), without modulo bias. */
  below(n: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
}

/** A generator for this seed and these words; other words give an independent stream (seeded through sha256). */
export function random(...seed: (string | number)[]): Random {
  const digest = createHash('sha256').update(JSON.stringify(seed)).digest();
  let a = digest.readUInt32LE(0);
  let b = digest.readUInt32LE(4);
  let c = digest.readUInt32LE(8);
  let d = digest.readUInt32LE(12) | 1;
  const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  let spare: number | undefined;
  const self: Random = {
    uint32() {
      const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
      const t = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = rotl(d, 11);
      return result;
    },
    float() {
      return ((self.uint32() >>> 5) * 67108864 + (self.uint32() >>> 6)) / 9007199254740992;
    },
    below(n) {
      const limit = 4294967296 - (4294967296 % n);
      let x = self.uint32();
      while (x >= limit) x = self.uint32();
      return x % n;
    },
    normal() {
      if (spare !== undefined) {
        const s = spare;
        spare = undefined;
        return s;
      }
      const r = Math.sqrt(-2 * Math.log(1 - self.float()));
      const angle = 2 * Math.PI * self.float();
      spare = r * Math.sin(angle);
      return r * Math.cos(angle);
    },
  };
  return self;
}

/** A seeded permutation of 0 … n−1 (Fisher–Yates). */
export function permutation(n: number, generator: Random): Uint32Array {
  const p = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = generator.below(i + 1);
    const t = p[i]!;
    p[i] = p[j]!;
    p[j] = t;
  }
  return p;
}
