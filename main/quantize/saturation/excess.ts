/** What saturation changes of a layer's answers, from the codes it reads. */
import type { SaturatingLayer, Window } from './layers'
import { excess } from './pairs'

export interface Changed {
  /** To be added to what the layer gives, of its shape. */
  values: Float32Array
  /** Sums of pairs that saturate, of all there are. */
  saturated: number
  sums: number
}

/** Of a dense layer: codes [rows…, K], result [rows…, N]. */
export function denseExcess(layer: SaturatingLayer, codes: ArrayLike<number>): Changed {
  const { channels, offset, pairs, steps } = layer
  const rows = channels === 0 ? 0 : codes.length / channels
  const outputs = pairs.length
  const values = new Float32Array(rows * outputs)
  let saturated = 0
  for (let row = 0; row < rows; row++) {
    const code = (at: number) =>
      at < channels ? (codes[row * channels + at] as number) + offset : layer.zero
    for (let m = 0; m < outputs; m++) {
      let sum = 0
      for (const pair of pairs[m] ?? []) {
        const more = excess(pair, code(pair.at), code(pair.at + 1))
        if (more !== 0) saturated++
        sum += more
      }
      values[row * outputs + m] = sum * (steps[m] ?? 1)
    }
  }
  return { values, saturated, sums: rows * outputs * layer.pairsPerChannel }
}

/** Of a convolution: codes [N, C, (H,) W], result of `outputDims`. */
export function convolutionExcess(
  layer: SaturatingLayer,
  window: Window,
  codes: ArrayLike<number>,
  inputDims: readonly number[],
  outputDims: readonly number[],
): Changed {
  const [samples = 0, allChannels = 0] = inputDims
  const [height, width] = sides(inputDims)
  const [outHeight, outWidth] = sides(outputDims)
  const outputs = layer.pairs.length
  const perGroup = outputs / layer.groups
  const values = new Float32Array(samples * outputs * outHeight * outWidth)
  const read = reader(layer, window, codes, { allChannels, height, width })
  let saturated = 0
  for (let n = 0; n < samples; n++) {
    for (let m = 0; m < outputs; m++) {
      const pairs = layer.pairs[m] ?? []
      if (pairs.length === 0) continue
      const group = Math.floor(m / perGroup)
      const step = layer.steps[m] ?? 1
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          let sum = 0
          for (const pair of pairs) {
            const more = excess(pair, read(n, group, y, x, pair.at), read(n, group, y, x, pair.at + 1))
            if (more !== 0) saturated++
            sum += more
          }
          values[((n * outputs + m) * outHeight + y) * outWidth + x] = sum * step
        }
      }
    }
  }
  const sums = samples * outputs * outHeight * outWidth * layer.pairsPerChannel
  return { values, saturated, sums }
}

function sides(dims: readonly number[]): [number, number] {
  return dims.length === 3 ? [1, dims[2] ?? 1] : [dims[2] ?? 1, dims[3] ?? 1]
}

/** The code that a row of weights meets at a place, for a sample, group and place in the result. */
function reader(
  { channels, offset, zero }: SaturatingLayer,
  { kernel, strides, dilations, padsBefore }: Window,
  codes: ArrayLike<number>,
  { allChannels, height, width }: { allChannels: number; height: number; width: number },
): (n: number, group: number, y: number, x: number, at: number) => number {
  const length = kernel[0] * kernel[1] * channels
  return (n, group, y, x, at) => {
    // Behind the last weight of an odd row stands nothing.
    if (at >= length) return 0
    const position = Math.floor(at / channels)
    const channel = group * channels + (at % channels)
    const row = y * strides[0] + Math.floor(position / kernel[1]) * dilations[0] - padsBefore[0]
    const column = x * strides[1] + (position % kernel[1]) * dilations[1] - padsBefore[1]
    if (row < 0 || column < 0 || row >= height || column >= width) return zero
    return (codes[((n * allChannels + channel) * height + row) * width + column] as number) + offset
  }
}
