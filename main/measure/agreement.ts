/**
 * How far a variant's outputs are from its reference's, per output, over all samples where both are finite:
 * - cosine: Σ r·x / √(Σr² Σx²) over all values of all samples (1 when nothing differs, 0 when one is all zero);
 * - max abs: largest |r − x|;
 * - SQNR: 10·log₁₀(Σr² / Σ(r − x)²) dB, within ±400; null when no value differs;
 * - KL(reference ‖ variant): mean over samples of Σ p·ln(p/q), q not below 2.2e-16; in nats;
 * - top-1: share of samples with the same highest class.
 * KL and top-1 are given for the output that answers a classification, for outputs that are distributions in both,
 * and for outputs named as class scores. Outputs kept thinned have no KL and no top-1.
 */
import type { Agreement, Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { sameNextToken } from '../language/measures'
import type { StoredOutput, StoredOutputs } from './outputs'
import { areDistributions, scoresOf } from './scores'

const EPSILON = 2 ** -52
const SCORE_NAME = /logit|prob|class|softmax|score/i

/** Throws `bad-option` unless both were measured on the same samples in the same order. */
export function requireSameSamples(reference: StoredOutputs, variant: StoredOutputs): void {
  const same =
    reference.data.hash === variant.data.hash &&
    reference.indices.length === variant.indices.length &&
    reference.indices.every((index, i) => index === variant.indices[i])
  if (same) return
  throw new BantamError('bad-option', 'The reference was measured on other samples than the model.', {
    where: `${reference.data.source} (${reference.indices.length} samples) and ${variant.data.source} (${variant.indices.length} samples)`,
    action: 'Measure both on the same dataset and split.',
  })
}

/**
 * Agreement of every output that both have: by name, or in order where no names match. Outputs whose sizes differ are
 * left out with a note. Throws `bad-option` when the samples are not the same.
 */
export function agreementWith(
  reference: StoredOutputs,
  variant: StoredOutputs,
): { agreement: Agreement[]; notes: Note[] } {
  requireSameSamples(reference, variant)
  const agreement: Agreement[] = []
  const notes: Note[] = []
  for (const [r, x] of pairOutputs(reference, variant)) {
    if (r.size !== x.size || r.width !== x.width) {
      notes.push({
        code: 'agreement.shape-differs',
        severity: 'warning',
        message: `Output ${x.name} has ${x.size} values per sample, the reference ${r.size}: their agreement is not measured.`,
      })
      continue
    }
    if (x.width < x.size) {
      notes.push({
        code: 'agreement.thinned',
        severity: 'info',
        message: `Agreement of output ${x.name} is over ${x.width} of its ${x.size} values per sample, evenly spaced.`,
      })
    }
    const { result, skipped } = outputAgreement(r, x, isMain(reference, r))
    if (result) agreement.push(r.name === reference.main ? withNextToken(result, reference, variant) : result)
    if (skipped > 0) {
      notes.push({
        code: 'agreement.nonfinite',
        severity: 'warning',
        message: `${skipped} samples are left out of the agreement of output ${x.name}: a value there is not finite.`,
      })
    }
  }
  return { agreement, notes }
}

/** Of a language model: the share of tokens of which both hold the same one most likely. */
function withNextToken(result: Agreement, reference: StoredOutputs, variant: StoredOutputs): Agreement {
  const top1 = sameNextToken(reference, variant)
  return top1 === undefined ? result : { ...result, top1 }
}

function isMain(stored: StoredOutputs, output: StoredOutput): boolean {
  return stored.task === 'classification' && stored.main === output.name
}

/** Outputs that belong together. */
export function pairOutputs(
  reference: StoredOutputs,
  variant: StoredOutputs,
): [StoredOutput, StoredOutput][] {
  const named = variant.outputs.flatMap((x): [StoredOutput, StoredOutput][] => {
    const r = reference.outputs.find(o => o.name === x.name)
    return r ? [[r, x]] : []
  })
  if (named.length > 0) return named
  return variant.outputs.flatMap((x, i): [StoredOutput, StoredOutput][] => {
    const r = reference.outputs[i]
    return r ? [[r, x]] : []
  })
}

/** Whether an output may be read as class scores. */
export function isClassLike(output: StoredOutput, main: boolean): boolean {
  if (output.width !== output.size) return false
  if (main) return true
  if (output.width < 2) return false
  const vector = output.shape.filter(d => d !== 1).length === 1
  return vector && (areDistributions(output.values, output.width) || SCORE_NAME.test(output.name))
}

function outputAgreement(reference: StoredOutput, variant: StoredOutput, main: boolean) {
  const { width } = reference
  const r = reference.values
  const x = variant.values
  const count = width === 0 ? 0 : r.length / width
  const total = { dot: 0, rr: 0, xx: 0, noise: 0, maxAbs: 0 }
  const kept: number[] = []
  for (let sample = 0; sample < count; sample++) {
    if (addSample(r, x, sample * width, width, total)) kept.push(sample)
  }
  if (kept.length === 0) return { result: undefined, skipped: count }
  const result: Agreement = {
    output: variant.name,
    cosine: total.noise === 0 ? 1 : cosine(total.dot, total.rr, total.xx),
    maxAbs: total.maxAbs,
    sqnr: signalToNoise(total.rr, total.noise),
    ...(isClassLike(reference, main) ? classAgreement(reference, variant, kept) : {}),
  }
  return { result, skipped: count - kept.length }
}

/** Adds one sample's sums; false, adding nothing, when a value is not finite. */
function addSample(
  r: Float32Array,
  x: Float32Array,
  start: number,
  width: number,
  total: { dot: number; rr: number; xx: number; noise: number; maxAbs: number },
): boolean {
  let [dot, rr, xx, noise, maxAbs] = [0, 0, 0, 0, 0]
  for (let i = start; i < start + width; i++) {
    const a = r[i] ?? 0
    const b = x[i] ?? 0
    dot += a * b
    rr += a * a
    xx += b * b
    noise += (a - b) * (a - b)
    maxAbs = Math.max(maxAbs, Math.abs(a - b))
  }
  if (!Number.isFinite(rr + xx)) return false
  total.dot += dot
  total.rr += rr
  total.xx += xx
  total.noise += noise
  total.maxAbs = Math.max(total.maxAbs, maxAbs)
  return true
}

function cosine(dot: number, rr: number, xx: number): number {
  if (rr === 0 || xx === 0) return 0
  return Math.max(-1, Math.min(1, dot / (Math.sqrt(rr) * Math.sqrt(xx))))
}

/** 10·log₁₀(signal/noise) within ±400 dB; null without noise. */
export function signalToNoise(signal: number, noise: number): number | null {
  if (noise === 0) return null
  return Math.max(-400, Math.min(400, 10 * Math.log10(signal / noise)))
}

function classAgreement(reference: StoredOutput, variant: StoredOutput, kept: readonly number[]) {
  const r = scoresOf(reference)
  // The variant's scores are read as the reference's: rounding must not turn probabilities into logits.
  const x = scoresOf(variant, r.kind)
  const same = kept.filter(i => r.predicted[i] === x.predicted[i]).length
  const top1 = same / kept.length
  if (r.kind === 'class') return { top1 }
  const p = new Float64Array(r.classes)
  const q = new Float64Array(r.classes)
  let kl = 0
  for (const i of kept) {
    r.probabilities(i, p)
    x.probabilities(i, q)
    for (let c = 0; c < p.length; c++) {
      const pc = p[c] ?? 0
      if (pc > 0) kl += pc * Math.log(pc / Math.max(EPSILON, q[c] ?? 0))
    }
  }
  // Clipping q can push the mean below zero by rounding only.
  return { top1, kl: Math.max(0, kl / kept.length) }
}
