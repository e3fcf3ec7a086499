/**
 * Sizes assumed for symbolic dimensions when a model's cost for one sample is counted. In this order:
 *   a leading dimension, and one whose name says batch          1
 *   a name met before                                           the size it got
 *   a sum of names and numbers (past + sequence)                the sum
 *   the channels of an image (axis 1 of a float N,C,H,W input)  3
 *   height and width of an image                                224
 *   anything else (sequence lengths, samples)                   128
 */
import type { TensorInfo } from '../../shared/domain'

const IMAGE = 224
const CHANNELS = 3
const LENGTH = 128

export interface Assumption {
  input: string
  axis: number
  /** Name of the dimension, '' when it has none. */
  dimension: string
  size: number
}

/** Shapes for one sample, and what had to be assumed beyond a batch of one. Inputs of unknown rank are left out. */
export function assumeShapes(inputs: readonly TensorInfo[]): {
  shapes: Map<string, number[]>
  assumptions: Assumption[]
} {
  const shapes = new Map<string, number[]>()
  const assumptions: Assumption[] = []
  const sizes = new Map<string, number>()
  for (const input of inputs) {
    const shape = input.shape.map((dimension, axis) => {
      if (typeof dimension === 'number' && dimension >= 0) return dimension
      const name = typeof dimension === 'string' ? dimension : ''
      const size = sizes.get(name) ?? sumOf(name, sizes) ?? sizeOf(name, axis, input)
      const batch = axis === 0 || isBatch(name)
      if (name !== '') {
        if (!batch && !sizes.has(name)) assumptions.push({ input: input.name, axis, dimension: name, size })
        sizes.set(name, size)
      } else if (!batch) {
        assumptions.push({ input: input.name, axis, dimension: '', size })
      }
      return size
    })
    shapes.set(input.name, shape)
  }
  return { shapes, assumptions }
}

function isBatch(name: string): boolean {
  return /batch|^n$|^b$/i.test(name)
}

function sumOf(name: string, sizes: ReadonlyMap<string, number>): number | undefined {
  const terms = name.split('+').map(term => term.trim())
  if (terms.length < 2) return undefined
  let sum = 0
  for (const term of terms) sum += /^\d+$/.test(term) ? Number(term) : (sizes.get(term) ?? LENGTH)
  return sum
}

function sizeOf(name: string, axis: number, input: TensorInfo): number {
  if (axis === 0 || isBatch(name)) return 1
  const image = input.shape.length === 4 && /^(float|uint8)/.test(input.type)
  const channelsLast =
    image && typeof input.shape[3] === 'number' && input.shape[3] > 0 && input.shape[3] <= 4
  if (image && axis === 1 && !channelsLast) return CHANNELS
  return image && (channelsLast ? axis < 3 : axis > 1) ? IMAGE : LENGTH
}
