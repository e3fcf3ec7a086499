/**
 * What a language model said of every next token: all that is kept of scores [window, position, vocabulary], which are
 * reduced as soon as they are there.
 */
import type { Tensor } from '../runtime/tensor'
import { toNumbers } from '../runtime/tensor'

export interface LanguageAnswers {
  /** Predictions of a window at most: its tokens less one. Every list of predictions has so many places per window. */
  width: number
  /** Number of the text each window is part of. */
  texts: Uint32Array
  /** −ln of the probability of the token that follows, in nats; NaN where scores are not finite. */
  loss: Float32Array
  /** The token with the highest score, the first of equal ones; −1 where scores are not finite. */
  predicted: Int32Array
  /** The token that follows; −1 where the window is shorter. */
  actual: Int32Array
}

/** Room for the answers to `windows` windows. */
export function emptyAnswers(windows: number, width: number): LanguageAnswers {
  const count = windows * width
  return {
    width,
    texts: new Uint32Array(windows),
    loss: new Float32Array(count).fill(Number.NaN),
    predicted: new Int32Array(count).fill(-1),
    actual: new Int32Array(count).fill(-1),
  }
}

/**
 * Enters what the scores of one position (`scores[start…start + vocabulary − 1]`) say of the token that follows.
 * −ln softmax(z)[t] = ln Σ exp(z − max) + max − z[t], summed in double precision.
 */
export function enter(
  answers: LanguageAnswers,
  place: number,
  scores: ArrayLike<number>,
  start: number,
  vocabulary: number,
  next: number,
): void {
  answers.actual[place] = next
  let best = 0
  let max = Number.NEGATIVE_INFINITY
  for (let v = 0; v < vocabulary; v++) {
    const z = scores[start + v] as number // within the scores
    if (z > max) {
      max = z
      best = v
    }
  }
  let sum = 0
  for (let v = 0; v < vocabulary; v++) sum += Math.exp((scores[start + v] as number) - max)
  const loss = Math.log(sum) + max - (scores[start + next] as number)
  if (!Number.isFinite(loss)) return
  answers.loss[place] = loss
  answers.predicted[place] = best
}

/** Places of a row of a mask that hold tokens. */
export function maskedPlaces(mask: Tensor, row: number): number[] {
  const length = mask.dims[1] ?? 0
  const values = toNumbers(mask)
  return Array.from({ length }, (_, i) => i).filter(i => values[row * length + i] !== 0)
}
