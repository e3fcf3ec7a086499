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
import { elementCount } from '../runtime/tensor'

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

/** Pairs of sizes to try: models may limit lengths, need multiples, or have a length of their own baked in. */
const TRIED: readonly [Sizes, Sizes][] = [
  pair(64, 6),
  pair(224, 16),
  pair(256, 128),
  pair(32, 8),
  pair(128, 32),
  pair(512, 64),
  [
    { batch: 1, side: 224, length: 16 },
    { batch: 1, side: 256, length: 24 },
  ],
  [
    { batch: 1, side: 256, length: 128 },
    { batch: 1, side: 256, length: 128 },
  ],
]

function pair(side: number, length: number): [Sizes, Sizes] {
  return [
    { batch: 2, side, length },
    { batch: 3, side: side + 32, length: length + 4 },
  ]
}

/**
 * Infers all shapes twice, at the first sizes tried that ONNX Runtime accepts and at which every Reshape keeps the
 * number of elements. Throws `unsupported` when it refuses the model at all of them.
 */
export async function sizeModel(model: Model): Promise<Sized> {
  const inputs = modelInputs(model).filter(input => input.type !== 'sequence')
  const symbolic = inputs.some(input => input.shape.some(d => typeof d !== 'number' || d < 0))
  let accepted: Sized | undefined
  for (const [first, second] of symbolic ? TRIED : TRIED.slice(0, 1)) {
    const shapes = shapesFor(inputs, first)
    const types = await inferWithShapes(model, shapes)
    const other = types && symbolic ? await inferWithShapes(model, shapesFor(inputs, second)) : types
    if (!types || !other) continue
    const sized = { dims: known(types), other: known(other), types, inputs: shapes }
    if (consistent(model, sized.dims)) return sized
    accepted ??= sized
  }
  if (accepted) return accepted
  const { shapes } = assumeShapes(inputs)
  const types = await inferWithShapes(model, shapes)
  if (!types)
    throw new BantamError('unsupported', 'ONNX Runtime cannot infer the shapes inside the model.', {
      action: 'Export it with fixed input shapes.',
    })
  return { dims: known(types), other: known(types), types, inputs: shapes }
}

/** False where a Reshape would change the number of elements: ORT infers shapes without looking at that. */
function consistent(model: Model, dims: ReadonlyMap<string, readonly number[]>): boolean {
  return model.graph.nodes.every(node => {
    if (node.opType !== 'Reshape') return true
    const [before, after] = [dims.get(node.input[0] ?? ''), dims.get(node.output[0] ?? '')]
    return !before || !after || elementCount([...before]) === elementCount([...after])
  })
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
