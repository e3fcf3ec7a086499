/**
 * Texts as windows of tokens. Of a text of n tokens, window k holds tokens k·(L − 1) … k·(L − 1) + L − 1: it begins with
 * the last token of the window before, so that every token but the first of the text is predicted exactly once, from at
 * least one token before it. Texts of fewer than two tokens predict nothing and make no window.
 */
import { ByteCollector, type ByteStore } from '../data/bytes'

const BYTES = 4
/** Texts cut between two looks at the event loop. */
const STEP = 64

export class TokenWindows {
  private constructor(
    /** Of each window: number of its text, place of its first token, tokens. */
    readonly texts: Uint32Array,
    private readonly starts: Float64Array,
    readonly lengths: Uint32Array,
    private readonly store: ByteStore,
    /** Texts that made no window, and tokens that are predicted. */
    readonly left: number,
    readonly predicted: number,
  ) {}

  /** Cuts texts `from` … `to` − 1; `encode` gives the tokens of one. `length`: at least 2. Throws what `encode` throws. */
  static async cut(
    from: number,
    to: number,
    length: number,
    encode: (text: number) => Int32Array,
  ): Promise<TokenWindows> {
    const collector = new ByteCollector()
    const texts: number[] = []
    const starts: number[] = []
    const lengths: number[] = []
    let left = 0
    let place = 0
    try {
      for (let text = from; text < to; text++) {
        if ((text - from) % STEP === STEP - 1) await new Promise<void>(resolve => setImmediate(resolve))
        const ids = encode(text)
        if (ids.length < 2) {
          left++
          continue
        }
        for (let start = 0; start < ids.length - 1; start += length - 1) {
          texts.push(text)
          starts.push(place + start)
          lengths.push(Math.min(length, ids.length - start))
        }
        collector.append(new Uint8Array(ids.slice().buffer))
        place += ids.length
      }
    } catch (error) {
      collector.discard()
      throw error
    }
    const predicted = lengths.reduce((sum, n) => sum + n - 1, 0)
    return new TokenWindows(
      Uint32Array.from(texts),
      Float64Array.from(starts),
      Uint32Array.from(lengths),
      collector.finish(),
      left,
      predicted,
    )
  }

  get count(): number {
    return this.texts.length
  }

  /** Token numbers of a window. */
  tokens(window: number): Int32Array {
    const ids = new Int32Array(this.lengths[window] ?? 0)
    this.store.readInto(new Uint8Array(ids.buffer), (this.starts[window] ?? 0) * BYTES)
    return ids
  }

  /** Windows of the texts, in the order of the texts. */
  of(texts: ArrayLike<number>): Uint32Array {
    const first = new Map<number, number>()
    this.texts.forEach((text, window) => {
      if (!first.has(text)) first.set(text, window)
    })
    return Uint32Array.from(
      Array.from(texts).flatMap(text => {
        const windows: number[] = []
        for (let w = first.get(text) ?? this.count; this.texts[w] === text; w++) windows.push(w)
        return windows
      }),
    )
  }

  close(): void {
    this.store.close()
  }
}
