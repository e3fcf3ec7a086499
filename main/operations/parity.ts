/**
 * Is a changed model still the model it was? Its outputs against its parent's on the same inputs, and the ways in
 * which a result can be worthless although it loads: not finite, constant, or unrelated to its parent's.
 */
import type { Note, Verification } from '../../shared/domain'
import { type Tensor, toNumbers } from '../runtime/tensor'

/** Outputs of one run. */
export type Outputs = Record<string, Tensor>

/** Below this the answers have more noise than signal. */
const NOISE_DB = 0
/** Below this a person should look before using the result. */
const WEAK_DB = 10

/**
 * Compares run by run. `samples` is what the runs hold together. Numbers are over all values of all outputs that both
 * have: cosine Σrx/√(Σr²Σx²), the largest |r − x|, and 10·log₁₀(Σr²/Σ(r − x)²) (null when nothing differs).
 * Notes of severity `error` say that the result must not be called a success.
 */
export function compareOutputs(
  reference: readonly Outputs[],
  variant: readonly Outputs[],
  samples: number,
): { parity: NonNullable<Verification['parity']>; notes: Note[] } {
  const sums = { rr: 0, xx: 0, rx: 0, noise: 0, maxAbs: 0 }
  const notes: Note[] = []
  for (const name of Object.keys(reference[0] ?? {})) {
    const pairs = reference.map((run, i) => [numbers(run[name]), numbers(variant[i]?.[name])] as const)
    const problem = outputProblem(name, pairs)
    if (problem) notes.push(problem)
    for (const [r, x] of pairs) {
      if (r && x && r.length === x.length) add(sums, r, x)
    }
  }
  const cosine = sums.rr === 0 && sums.xx === 0 ? 1 : sums.rx / Math.sqrt(sums.rr * sums.xx || 1)
  const sqnr = sums.noise === 0 ? null : 10 * Math.log10(Math.max(sums.rr, Number.MIN_VALUE) / sums.noise)
  const parity = { samples, cosine, maxAbs: sums.maxAbs, sqnr }
  if (sqnr === null || notes.some(n => n.severity === 'error')) return { parity, notes }
  if (sqnr < NOISE_DB) {
    notes.push({
      code: 'unrelated-output',
      severity: 'error',
      message: `The outputs have nothing to do with the parent's any more: there is more noise than signal (${sqnr.toFixed(1)} dB).`,
    })
  } else if (sqnr < WEAK_DB) {
    notes.push({
      code: 'weak-agreement',
      severity: 'warning',
      message: `The outputs are far from the parent's (${sqnr.toFixed(1)} dB on ${samples} samples).`,
      action: 'Evaluate the result before using it.',
    })
  }
  return { parity, notes }
}

function numbers(tensor: Tensor | undefined): ArrayLike<number> | null {
  return tensor && tensor.type !== 'string' ? toNumbers(tensor) : null
}

function add(
  sums: { rr: number; xx: number; rx: number; noise: number; maxAbs: number },
  r: ArrayLike<number>,
  x: ArrayLike<number>,
): void {
  for (let i = 0; i < r.length; i++) {
    const [a, b] = [r[i] as number, x[i] as number]
    // Infinite masks and the like say nothing about agreement.
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue
    sums.rr += a * a
    sums.xx += b * b
    sums.rx += a * b
    sums.noise += (a - b) ** 2
    sums.maxAbs = Math.max(sums.maxAbs, Math.abs(a - b))
  }
}

type Pairs = readonly (readonly [ArrayLike<number> | null, ArrayLike<number> | null])[]

function outputProblem(name: string, pairs: Pairs): Note | null {
  const notFinite = pairs.some(
    ([r, x]) =>
      r && x && Array.from(x).some((v, i) => !Number.isFinite(v) && Number.isFinite(r[i] as number)),
  )
  if (notFinite) {
    return {
      code: 'not-finite-output',
      severity: 'error',
      message: `Output ${name} holds values that are not finite, where the parent's are.`,
    }
  }
  const [was, is] = [spread(pairs.map(p => p[0])), spread(pairs.map(p => p[1]))]
  if (was > 0 && is === 0) {
    return {
      code: 'constant-output',
      severity: 'error',
      message: `Output ${name} is the same number everywhere, where the parent's is not.`,
    }
  }
  return null
}

/** Largest minus smallest value; 0 when all are equal (or there is one). */
function spread(runs: readonly (ArrayLike<number> | null)[]): number {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let count = 0
  for (const run of runs) {
    if (!run) continue
    for (let i = 0; i < run.length; i++) {
      const value = run[i] as number
      if (value < min) min = value
      if (value > max) max = value
      count++
    }
  }
  return count > 1 ? max - min : 0
}
