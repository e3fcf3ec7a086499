/**
 * Scales of SmoothQuant: channel k of the input is divided, and row k of the weights multiplied, by
 *
 *   s_k = max|X_k|^α / max|W_k|^(1 − α)
 *
 * with the largest magnitudes over calibration samples and over the outputs of all layers that read the input.
 * Paper: Xiao et al., SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models, ICML
 * 2023 (arXiv:2211.10438), equation 4.
 */
import type { ChannelStatistics } from './statistics'

/** Weights of one layer as [inputs, outputs]. */
export interface DenseWeight {
  values: Float32Array<ArrayBuffer>
  outputs: number
}

/** Least scale, as in the authors' code. */
const LEAST = 1e-5

/** One scale per input channel; 1 where nothing is ever read or nothing reads it. */
export function smoothingScales(
  { min, max }: Pick<ChannelStatistics, 'min' | 'max'>,
  magnitudes: Float64Array,
  alpha: number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(magnitudes, (w, k) => {
    const x = Math.max(-(min[k] as number), max[k] as number)
    if (x === 0 || w === 0) return 1
    return Math.max(LEAST, x ** alpha / w ** (1 - alpha))
  })
}

/** Largest magnitude of every input channel over all layers. */
export function rowMagnitudes(weights: readonly DenseWeight[], channels: number): Float64Array {
  const largest = new Float64Array(channels)
  for (const { values, outputs } of weights) {
    for (let k = 0; k < channels; k++) {
      let most = largest[k] as number
      for (let i = k * outputs; i < (k + 1) * outputs; i++) {
        const size = Math.abs(values[i] as number)
        if (size > most) most = size
      }
      largest[k] = most
    }
  }
  return largest
}
