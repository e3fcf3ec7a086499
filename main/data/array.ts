/** Arrays and columns → model input: (x · scale - mean) / std in double precision, mean and std along the last axis. */
import type { ArrayPreprocessing } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

export const IDENTITY: ArrayPreprocessing = { kind: 'array', scale: 1, mean: [0], std: [1] }

export function isIdentity(options: ArrayPreprocessing): boolean {
  return options.scale === 1 && options.mean.every(m => m === 0) && options.std.every(s => s === 1)
}

/** Throws `bad-option` when mean or std are neither one value nor as many as the last axis has, or std is 0. */
export function checkArrayOptions(
  options: ArrayPreprocessing,
  shape: readonly number[],
  input: string,
): void {
  const last = shape.at(-1) ?? 1
  for (const name of ['mean', 'std'] as const) {
    const { length } = options[name]
    if (length === 1 || length === last) continue
    throw new BantamError(
      'bad-option',
      `${name} has ${length} values; the last axis of ${input} has ${last}.`,
      { where: `preprocessing.${name}`, action: `Give one value, or ${last}.` },
    )
  }
  if (options.std.some(value => value === 0)) {
    throw new BantamError('bad-option', 'std is 0, by which nothing can be divided.', {
      where: 'preprocessing.std',
    })
  }
}

/** `values` hold whole samples, so that position modulo the last axis's length is the place along it. */
export function preprocessArray(values: ArrayLike<number>, options: ArrayPreprocessing): Float64Array {
  const { scale, mean, std } = options
  const period = Math.max(mean.length, std.length)
  const out = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const place = i % period
    const m = mean.length === 1 ? mean[0] : mean[place]
    const s = std.length === 1 ? std[0] : std[place]
    out[i] = ((values[i] ?? 0) * scale - (m ?? 0)) / (s ?? 1)
  }
  return out
}
