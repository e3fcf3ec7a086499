/**
 * Makes known what exporters compute from sizes, where only some of them are open: `Shape → Gather` of a size that is
 * fixed is a constant, and a Reshape to sizes of which one is open is a Reshape to −1. Then more shapes can be inferred.
 */
import type { NodeProto } from 'onnx-buf'
import { attribute, intAttribute } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { inferTypes, type Types } from '../onnx/infer'
import { type Model, normalDomain } from '../onnx/model'
import { foldConstants } from '../onnx/passes/fold-constants'
import { makeTensor, tensorDims, tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'

/** Each round makes more shapes known; this bounds what is worth the time. */
const MAX_ROUNDS = 8

/** The model with constants folded and sizes made known; the given one is not changed. */
export async function settleShapes(model: Model): Promise<Model> {
  let current = model
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { model: folded, modified } = await foldConstants.run(current)
    const copy = copyModel(folded)
    const settled = settle(copy, await inferTypes(copy))
    current = settled ? copy : folded
    if (!modified && !settled) break
  }
  return current
}

/** Changes the model in place; false when there was nothing to do. */
function settle(model: Model, types: Types): boolean {
  let changed = false
  for (const node of [...model.graph.nodes]) {
    if (normalDomain(node.domain) !== '') continue
    const sizes = /^(Gather|Slice)$/.test(node.opType) ? knownSizes(model, node, types) : undefined
    if (sizes) {
      const [name = ''] = node.output
      model.graph.remove([node])
      model.graph.setInitializer(makeTensor(name, 'int64', sizes.dims, sizes.values.map(BigInt)))
      changed = true
    }
    if (node.opType === 'Reshape' && openReshape(model, node, types)) changed = true
  }
  return changed
}

function ints(model: Model, name: string | undefined): { dims: number[]; values: number[] } | undefined {
  const tensor = model.graph.initializer(name ?? '')
  if (!tensor || !name) return undefined
  return { dims: tensorDims(tensor), values: [...toNumbers(tensorValues(tensor, model.directory))] }
}

/** What a Gather or Slice takes of a shape, when all of it is fixed. */
function knownSizes(
  model: Model,
  node: NodeProto,
  types: Types,
): { dims: number[]; values: number[] } | undefined {
  const source = model.graph.producer(node.input[0] ?? '')
  if (source?.opType !== 'Shape' || model.graph.isOutput(node.output[0] ?? '')) return undefined
  if (intAttribute(source, 'start', 0) !== 0 || attribute(source, 'end')) return undefined
  const shape = types.get(source.input[0] ?? '')?.shape
  if (!shape) return undefined
  const at = node.opType === 'Gather' ? ints(model, node.input[1]) : sliced(model, node, shape.length)
  const values = at?.values.map(i => shape[i < 0 ? i + shape.length : i])
  return at && values?.every(d => typeof d === 'number' && d >= 0)
    ? { dims: at.dims, values: values.map(Number) }
    : undefined
}

/** Positions a Slice with constant bounds takes of a vector. */
function sliced(
  model: Model,
  node: NodeProto,
  length: number,
): { dims: number[]; values: number[] } | undefined {
  const [start, end] = [ints(model, node.input[1])?.values[0], ints(model, node.input[2])?.values[0]]
  const step = node.input[4] ? ints(model, node.input[4])?.values[0] : 1
  if (start === undefined || end === undefined || step !== 1) return undefined
  const bound = (v: number) => Math.min(length, Math.max(0, v < 0 ? v + length : v))
  const values = [...Array(length).keys()].slice(bound(start), bound(end))
  return { dims: [values.length], values }
}

/** Rewrites, in place, a Reshape whose target is a Concat of constants and one single open size. */
function openReshape(model: Model, node: NodeProto, types: Types): boolean {
  const { graph } = model
  const target = graph.producer(node.input[1] ?? '')
  if (target?.opType !== 'Concat' || intAttribute(node, 'allowzero', 0)) return false
  const parts = target.input.map(name => ints(model, name)?.values)
  const open = parts.findIndex(values => !values)
  const single = isSingle(types, target.input[open] ?? '')
  if (parts.filter(values => !values).length !== 1 || !single) return false
  const values = parts.flatMap(part => part ?? [-1])
  if (values.filter(v => v === -1).length > 1 || values.includes(0)) return false
  const name = graph.freshName(`${node.output[0]}/shape`)
  graph.setInitializer(makeTensor(name, 'int64', [values.length], values.map(BigInt)))
  graph.setInput(node, 1, name)
  return true
}

/** True when a value is surely a vector of one element. */
function isSingle(types: Types, name: string): boolean {
  return types.get(name)?.shape.join() === '1'
}
