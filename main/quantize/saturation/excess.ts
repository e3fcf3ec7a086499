/** What saturation changes of a layer's answers, from the codes it reads. */
import type { SaturatingLayer, Window } from './layers'
import { LARGEST, LEAST, type Pair } from './pairs'

/** Asked for every product: names of this module are read faster than those of others. */
const [MOST, FEWEST] = [LARGEST, LEAST]

export interface Changed {
  /** To be added to what the layer gives, and its shape. */
  values: Float32Array
  dims: number[]
  /** Sums of pairs that saturate, of all there are. */
  saturated: number
  sums: number
}

/** Of a layer that reads codes of a shape. */
export function excessOf(layer: SaturatingLayer, codes: ArrayLike<number>, dims: readonly number[]): Changed {
  return layer.window ? convolutionExcess(layer, layer.window, codes, dims) : denseExcess(layer, codes, dims)
}

/** Of a dense layer: codes [rows…, K], result [rows…, N]. */
function denseExcess(
  { channels, offset, pairs, steps, pairsPerChannel }: SaturatingLayer,
  codes: ArrayLike<number>,
  dims: readonly number[],
): Changed {
  const rows = channels === 0 ? 0 : codes.length / channels
  const outputs = pairs.length
  // What a weight meets lies together: [K, rows].
  const columns = new Uint8Array(codes.length)
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < channels; at++)
      columns[at * rows + row] = (codes[row * channels + at] as number) + offset
  }
  const values = new Float32Array(rows * outputs)
  const sums = new Float64Array(rows)
  let saturated = 0
  for (const [m, own] of pairs.entries()) {
    if (own.length === 0) continue
    sums.fill(0)
    for (const pair of own) {
      const { at, first, second } = pair
      const a = at * rows
      // Behind the last weight of an odd row stands nothing: its second weight is 0.
      const b = at + 1 < channels ? a + rows : a
      for (let row = 0; row < rows; row++) {
        const more = excess(first * (columns[a + row] as number) + second * (columns[b + row] as number))
        if (more === 0) continue
        saturated++
        sums[row] = (sums[row] as number) + more
      }
    }
    for (let row = 0; row < rows; row++) values[row * outputs + m] = (sums[row] as number) * (steps[m] ?? 1)
  }
  return {
    values,
    dims: [...dims.slice(0, -1), outputs],
    saturated,
    sums: rows * outputs * pairsPerChannel,
  }
}

/** Of a convolution: codes [N, C, (H,) W], result [N, M, (H',) W']. */
function convolutionExcess(
  layer: SaturatingLayer,
  window: Window,
  codes: ArrayLike<number>,
  inputDims: readonly number[],
): Changed {
  const { pairs, steps, groups, channels, pairsPerChannel } = layer
  const [samples = 0] = inputDims
  const [outHeight, outWidth] = outputSides(window, sides(inputDims))
  const field = new Field(layer, window, inputDims, [outHeight, outWidth])
  const plane = outHeight * outWidth
  const values = new Float32Array(samples * pairs.length * plane)
  const sums = new Float64Array(plane)
  let saturated = 0
  for (let n = 0; n < samples; n++) {
    field.fill(codes, n)
    for (const [m, own] of pairs.entries()) {
      if (own.length === 0) continue
      const firstChannel = Math.floor((m * groups) / pairs.length) * channels
      sums.fill(0)
      for (const pair of own) saturated += field.add(pair, firstChannel, sums)
      const start = (n * pairs.length + m) * plane
      for (let at = 0; at < plane; at++) values[start + at] = (sums[at] as number) * (steps[m] ?? 1)
    }
  }
  const spatial = inputDims.length === 3 ? [outWidth] : [outHeight, outWidth]
  const dims = [samples, pairs.length, ...spatial]
  return { values, dims, saturated, sums: values.length * pairsPerChannel }
}

function outputSides(
  { kernel, strides, dilations, padsBefore, padsAfter }: Window,
  sizes: readonly [number, number],
): [number, number] {
  const side = (axis: 0 | 1) => {
    const room = sizes[axis] + padsBefore[axis] + padsAfter[axis] - dilations[axis] * (kernel[axis] - 1) - 1
    return Math.floor(room / strides[axis]) + 1
  }
  return [side(0), side(1)]
}

function sides(dims: readonly number[]): [number, number] {
  return dims.length === 3 ? [1, dims[2] ?? 1] : [dims[2] ?? 1, dims[3] ?? 1]
}

/** The unsigned codes of one sample with the padding around them. */
class Field {
  private readonly data: Uint8Array
  private readonly height: number
  private readonly width: number

  constructor(
    private readonly layer: SaturatingLayer,
    private readonly window: Window,
    private readonly inputDims: readonly number[],
    private readonly out: readonly [number, number],
  ) {
    const reach = (axis: 0 | 1) =>
      ((out[axis] ?? 1) - 1) * window.strides[axis] + (window.kernel[axis] - 1) * window.dilations[axis] + 1
    this.height = reach(0)
    this.width = reach(1)
    this.data = new Uint8Array((inputDims[1] ?? 0) * this.height * this.width)
  }

  fill(codes: ArrayLike<number>, sample: number): void {
    const { data, width, height, inputDims } = this
    const { offset, zero } = this.layer
    const [top, left] = this.window.padsBefore
    const [inHeight, inWidth] = sides(inputDims)
    const channels = inputDims[1] ?? 0
    data.fill(zero)
    for (let c = 0; c < channels; c++) {
      for (let y = Math.max(0, top); y < Math.min(height, inHeight + top); y++) {
        const from = ((sample * channels + c) * inHeight + y - top) * inWidth - left
        const to = (c * height + y) * width
        for (let x = Math.max(0, left); x < Math.min(width, inWidth + left); x++) {
          data[to + x] = (codes[from + x] as number) + offset
        }
      }
    }
  }

  /** Adds what saturation takes from a pair's sum to every place of the result; answers with how many saturated. */
  add(pair: Pair, firstChannel: number, sums: Float64Array): number {
    const { data, width } = this
    const [outHeight, outWidth] = this.out
    const [down, right] = this.window.strides
    const { at, first, second } = pair
    const a = this.start(at, firstChannel)
    const b = this.start(at + 1, firstChannel) ?? a
    let saturated = 0
    if (a === null || b === null) return saturated
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) {
        const from = y * down * width + x * right
        const more = excess(first * (data[a + from] as number) + second * (data[b + from] as number))
        if (more === 0) continue
        saturated++
        sums[y * outWidth + x] = (sums[y * outWidth + x] as number) + more
      }
    }
    return saturated
  }

  /** Where the code that a weight first meets lies; null behind the last weight of an odd row. */
  private start(at: number, firstChannel: number): number | null {
    const { channels } = this.layer
    const { kernel, dilations } = this.window
    if (at >= kernel[0] * kernel[1] * channels) return null
    const position = Math.floor(at / channels)
    const channel = firstChannel + (at % channels)
    const row = Math.floor(position / kernel[1]) * dilations[0]
    return (channel * this.height + row) * this.width + (position % kernel[1]) * dilations[1]
  }
}

/** What saturation adds to a sum of two products: 0, or the way back to 16 bits. */
export function excess(sum: number): number {
  if (sum > MOST) return MOST - sum
  return sum < FEWEST ? FEWEST - sum : 0
}
