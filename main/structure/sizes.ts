/**
 * Shapes with every dimension a number. Symbolic dimensions are given two sizes each: what differs between the two is
 * dynamic, what is equal is fixed in the graph. ONNX Runtime infers both (main/onnx/infer.ts).
 */
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { assumeShapes } from '../onnx/assume'
import { inferWithShapes, type Types } from '../onnx/infer'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'

export interface Sized {
  /** Dimensions for the first sizes, by value. */
  dims: Map<string, readonly number[]>
  /** For the second. */
  other: Map<string, readonly number[]>
  types: Types
  /** Shapes of the inputs for the first sizes, to run the model with. */
  inputs: Map<string, number[]>
}

interface Sizes {
  batch: number
  /** Height and width of images. */
  side: number
  /** Whatever else is symbolic. */
  length: number
}

/** Sizes to try, the first that ONNX Runtime accepts is taken: models may limit lengths or need multiples. */
const TRIED: readonly [Sizes, Sizes][] = [
  [
    { batch: 2, side: 64, length: 6 },
    { batch: 3, side: 96, length: 10 },
  ],
  [
    { batch: 2, side: 224, length: 16 },
    { batch: 3, side: 256, length: 24 },
  ],
  [
    { batch: 2, side: 256, length: 128 },
    { batch: 3, side: 512, length: 256 },
  ],
  [
    { batch: 1, side: 224, length: 16 },
    { batch: 1, side: 256, length: 24 },
  ],
  [
    { batch: 1, side: 256, length: 128 },
    { batch: 1, side: 256, length: 128 },
  ],
]

/** Infers all shapes twice. Throws `unsupported` when ONNX Runtime refuses the model at every size tried. */
export async function sizeModel(model: Model): Promise<Sized> {
  const inputs = modelInputs(model).filter(input => input.type !== 'sequence')
  const symbolic = inputs.some(input => input.shape.some(d => typeof d !== 'number' || d < 0))
  for (const pair of symbolic ? TRIED : TRIED.slice(0, 1)) {
    const [first, second] = await Promise.all(
      pair.map(async sizes => {
        const shapes = shapesFor(inputs, sizes)
        return { shapes, types: await inferWithShapes(model, shapes) }
      }),
    )
    if (!first?.types || !second?.types) continue
    return {
      dims: known(first.types),
      other: known(second.types),
      types: first.types,
      inputs: first.shapes,
    }
  }
  const { shapes } = assumeShapes(inputs)
  const types = await inferWithShapes(model, shapes)
  if (!types)
    throw new BantamError('unsupported', 'ONNX Runtime cannot infer the shapes inside the model.', {
      action: 'Export it with fixed input shapes.',
    })
  return { dims: known(types), other: known(types), types, inputs: shapes }
}

function shapesFor(inputs: readonly TensorInfo[], sizes: Sizes): Map<string, number[]> {
  const named = new Map<string, number>()
  const sizeOf = (name: string, input: TensorInfo, axis: number): number => {
    const known = named.get(name)
    if (known !== undefined) return known
    const terms = name.split('+').map(term => term.trim())
    if (terms.length > 1)
      return terms.reduce(
        (sum, term) => sum + (/^\d+$/.test(term) ? Number(term) : sizeOf(term, input, axis)),
        0,
      )
    const size = chosen(name, input, axis, sizes)
    if (name !== '') named.set(name, size)
    return size
  }
  return new Map(
    inputs.map(input => [
      input.name,
      input.shape.map((d, axis) =>
        typeof d === 'number' && d >= 0 ? d : sizeOf(typeof d === 'string' ? d : '', input, axis),
      ),
    ]),
  )
}

function chosen(name: string, input: TensorInfo, axis: number, sizes: Sizes): number {
  if (axis === 0 || /batch|^n$|^b$/i.test(name)) return sizes.batch
  const image = input.shape.length === 4 && /^(float|uint8)/.test(input.type)
  if (!image) return sizes.length
  const last = input.shape[3]
  const channelsLast = typeof last === 'number' && last > 0 && last <= 4
  if (axis === (channelsLast ? 3 : 1)) return 3
  return sizes.side
}

function known(types: Types): Map<string, readonly number[]> {
  const dims = new Map<string, readonly number[]>()
  for (const [name, { shape }] of types) {
    if (shape.every((d): d is number => typeof d === 'number' && d >= 0)) dims.set(name, shape)
  }
  return dims
}
