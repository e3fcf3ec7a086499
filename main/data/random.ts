/**
 * The one source of pseudo-random numbers for data: xoshiro128** (Blackman and Vigna 2018, "Scrambled linear
 * pseudorandom number generators") seeded by splitmix64. Integer arithmetic only, so that every machine and every
 * version of Bantam draws the same numbers from the same seed.
 */

const MASK = (1n << 64n) - 1n

/** splitmix64: the state after one step, and the output. */
function splitmix64(state: bigint): { state: bigint; output: bigint } {
  const next = (state + 0x9e3779b97f4a7c15n) & MASK
  let z = next
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return { state: next, output: z ^ (z >> 31n) }
}

export class Random {
  private readonly state = new Uint32Array(4)

  /** @param seed any safe integer, negative ones included */
  constructor(seed: number) {
    const first = splitmix64(BigInt.asUintN(64, BigInt(seed)))
    const second = splitmix64(first.state)
    this.state.set([
      Number(first.output & 0xffffffffn),
      Number(first.output >> 32n),
      Number(second.output & 0xffffffffn),
      Number(second.output >> 32n),
    ])
  }

  /** The next 32 random bits, 0 … 2³² - 1. */
  bits(): number {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = this.state
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
    const t2 = s2 ^ s0
    const t3 = s3 ^ s1
    this.state[1] = s1 ^ t2
    this.state[0] = s0 ^ t3
    this.state[2] = t2 ^ (s1 << 9)
    this.state[3] = rotateLeft(t3, 11)
    return result
  }

  /** Fills an array with what so many calls of `bits` would give, some ten times as fast. */
  fill(into: Uint32Array): void {
    let [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = this.state
    for (let i = 0; i < into.length; i++) {
      const five = Math.imul(s1, 5)
      into[i] = Math.imul((five << 7) | (five >>> 25), 9)
      const t2 = s2 ^ s0
      const t3 = s3 ^ s1
      s2 = t2 ^ (s1 << 9)
      s1 ^= t2
      s0 ^= t3
      s3 = (t3 << 11) | (t3 >>> 21)
    }
    this.state.set([s0, s1, s2, s3])
  }

  /** A uniform integer 0 … limit - 1, without modulo bias (rejection). `limit` is 1 … 2³². */
  below(limit: number): number {
    const usable = 2 ** 32 - (2 ** 32 % limit)
    for (;;) {
      const bits = this.bits()
      if (bits < usable) return bits % limit
    }
  }

  /** A uniform number in [0, 1) with 32 random bits. */
  unit(): number {
    return this.bits() / 2 ** 32
  }

  /** Fisher-Yates, in place. Returns its argument. */
  shuffle<T extends Uint32Array | unknown[]>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = values[i]
      values[i] = values[j]
      values[j] = kept
    }
    return values
  }
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
