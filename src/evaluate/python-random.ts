/**
 * CPython's `random.Random`, as far as drawing few-shot examples needs it: the reference harness draws with it, so the
 * same prompts need the same bits (Lib/random.py and Modules/_randommodule.c of CPython 3.11).
 */
export interface PythonRandom {
  /** The next `bits` (1 … 32) random bits as an unsigned integer. */
  getrandbits(bits: number): number;
  /** Uniform in [0, 1) with 53 bits. */
  random(): number;
  /** Uniform integer in [0, n), 1 ≤ n < 2³². */
  randbelow(n: number): number;
  /** `count` different elements of `population`, in the order drawn. Throws RangeError if there are too few. */
  sample<T>(population: readonly T[], count: number): T[];
}

const size = 624;
const middle = 397;

/** `random.Random(seed)` for an integer seed; its sign is ignored, as CPython does. */
export function pythonRandom(seed: number): PythonRandom {
  const state = initialise(words(Math.abs(seed)));
  let index = size;

  function uint32(): number {
    if (index === size) {
      twist(state);
      index = 0;
    }
    let y = state[index++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  const self: PythonRandom = {
    getrandbits: (bits) => uint32() >>> (32 - bits),
    random: () => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992,
    randbelow(n) {
      const bits = 32 - Math.clz32(n);
      let drawn = self.getrandbits(bits);
      while (drawn >= n) drawn = self.getrandbits(bits);
      return drawn;
    },
    sample<T>(population: readonly T[], count: number): T[] {
      const n = population.length;
      if (count < 0 || count > n) throw new RangeError(`sample of ${count} from ${n}`);
      // Which of the two ways is taken decides the result, so the threshold is CPython's: the size of a small set.
      const setSize = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
      return n <= setSize ? fromPool(population, count, self) : byRejection(population, count, self);
    },
  };
  return self;
}

function fromPool<T>(population: readonly T[], count: number, generator: PythonRandom): T[] {
  const pool = [...population];
  return Array.from({ length: count }, (_, i) => {
    const j = generator.randbelow(pool.length - i);
    const drawn = pool[j]!;
    pool[j] = pool[pool.length - i - 1]!;
    return drawn;
  });
}

function byRejection<T>(population: readonly T[], count: number, generator: PythonRandom): T[] {
  const selected = new Set<number>();
  while (selected.size < count) selected.add(generator.randbelow(population.length));
  return [...selected].map((j) => population[j]!);
}

/** The seed's 32-bit words, least significant first. */
function words(seed: number): number[] {
  const out = [seed % 4294967296];
  for (let rest = Math.floor(seed / 4294967296); rest > 0; rest = Math.floor(rest / 4294967296)) {
    out.push(rest % 4294967296);
  }
  return out;
}

/** MT19937's `init_by_array` (Matsumoto and Nishimura, mt19937ar.c). */
function initialise(key: readonly number[]): Uint32Array {
  const s = new Uint32Array(size);
  s[0] = 19650218;
  for (let i = 1; i < size; i++) s[i] = Math.imul(1812433253, s[i - 1]! ^ (s[i - 1]! >>> 30)) + i;
  let i = 1;
  let j = 0;
  const advance = () => {
    if (++i >= size) {
      s[0] = s[size - 1]!;
      i = 1;
    }
  };
  for (let k = Math.max(size, key.length); k > 0; k--) {
    s[i] = (s[i]! ^ Math.imul(s[i - 1]! ^ (s[i - 1]! >>> 30), 1664525)) + key[j]! + j;
    j = (j + 1) % key.length;
    advance();
  }
  for (let k = size - 1; k > 0; k--) {
    s[i] = (s[i]! ^ Math.imul(s[i - 1]! ^ (s[i - 1]! >>> 30), 1566083941)) - i;
    advance();
  }
  s[0] = 0x80000000;
  return s;
}

function twist(s: Uint32Array): void {
  for (let i = 0; i < size; i++) {
    const y = (s[i]! & 0x80000000) | (s[(i + 1) % size]! & 0x7fffffff);
    s[i] = s[(i + middle) % size]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}
