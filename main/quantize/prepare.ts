/** What every quantization does first: simplify the model, so that BatchNorm sits in the convolutions. */
import type { Note, TensorInfo } from '../../shared/domain'
import { makeNode } from '../onnx/build'
import { inferTypes } from '../onnx/infer'
import { type Model, normalDomain } from '../onnx/model'
import { simplify } from '../onnx/simplify'
import { elementCount } from '../runtime/tensor'
import { editableCopy } from './copy'
import { equalized } from './equalize/equalize'
import { hasMeans, poolMeans } from './pooled-means'
import type { Smoothing } from './smooth/options'
import { withSmoothing } from './smooth/smooth'

interface Prepared {
  model: Model
  notes: Note[]
}

const simplified = new WeakMap<Model, Promise<Prepared>>()
const joined = new WeakMap<Model, Promise<Prepared>>()
const balanced = new WeakMap<Model, Promise<Prepared>>()

/** The simplified model and what was folded. Planning and applying the same model simplify it once. */
export function prepared(model: Model): Promise<Prepared> {
  return once(simplified, model, () => simplify(model))
}

/**
 * The simplified model with every MatMul → Add of a bias made one Gemm where it is one (two-dimensional). ONNX Runtime
 * would do so itself while loading, and could then no longer run it in int8, for the bias has no integer form. Means over
 * pictures become poolings.
 * `equalize`: with its layers equalized as well.
 */
export function preparedForStatic(model: Model, equalize = false): Promise<Prepared> {
  if (!equalize) return withJoinedBiases(model)
  return once(balanced, model, async () => {
    const { model: simple, notes } = await withJoinedBiases(model)
    const result = equalized(simple, await inferTypes(simple))
    return { model: result.model, notes: [...notes, ...result.notes] }
  })
}

/** The model that decisions of static quantization are about: prepared, then smoothed as decided. */
export async function preparedAsDecided(
  model: Model,
  decisions: { equalized: boolean; smoothing: readonly Smoothing[] },
): Promise<Model> {
  return withSmoothing((await preparedForStatic(model, decisions.equalized)).model, decisions.smoothing)
}

function withJoinedBiases(model: Model): Promise<Prepared> {
  return once(joined, model, async () => {
    const { model: simple, notes } = await prepared(model)
    const products = simple.graph.nodes.some(node => node.opType === 'MatMul')
    if (!products && !hasMeans(simple)) return { model: simple, notes }
    const copy = editableCopy(simple)
    const types = await inferTypes(simple)
    const [joined, pooled] = [joinBiases(copy, types), poolMeans(copy, types)]
    if (joined + pooled === 0) return { model: simple, notes }
    const told = [...notes]
    if (joined > 0) {
      const message = `${joined} matrix product${joined === 1 ? ' and its' : 's and their'} bias became Gemm.`
      told.push({ code: 'joined-bias', severity: 'info', message })
    }
    if (pooled > 0) {
      const message = `${pooled} mean${pooled === 1 ? '' : 's'} over all places became GlobalAveragePool, which has an 8-bit kernel.`
      told.push({ code: 'pooled-mean', severity: 'info', message })
    }
    return { model: copy, notes: told }
  })
}

async function once(
  known: WeakMap<Model, Promise<Prepared>>,
  model: Model,
  make: () => Promise<Prepared>,
): Promise<Prepared> {
  let result = known.get(model)
  if (!result) {
    result = make()
    known.set(model, result)
  }
  const { model: made, notes } = await result
  return { model: made, notes: [...notes] }
}

function joinBiases(model: Model, types: Map<string, TensorInfo>): number {
  const { graph } = model
  let count = 0
  for (const product of [...graph.nodes]) {
    if (product.opType !== 'MatMul' || normalDomain(product.domain) !== '') continue
    const [input, weight] = product.input as [string, string]
    const result = product.output[0] as string
    const columns = Number(graph.initializer(weight)?.dims[1] ?? -1n)
    if (graph.initializer(weight)?.dims.length !== 2 || types.get(input)?.shape.length !== 2) continue
    const uses = graph.uses(result)
    const sum = uses.length === 1 ? uses[0]?.node : undefined
    if (sum?.opType !== 'Add' || normalDomain(sum.domain) !== '' || graph.isOutput(result)) continue
    const bias = sum.input.find(name => name !== result) ?? ''
    const dims = graph.initializer(bias)?.dims.map(Number)
    if (!dims || dims.length > 2 || elementCount(dims) !== columns || dims.at(-1) !== columns) continue
    const output = sum.output[0] as string
    const next = graph.nodes[graph.nodes.indexOf(sum) + 1]
    graph.remove([product, sum])
    graph.add(makeNode('Gemm', [input, weight, bias], [output], {}, { name: product.name }), next)
    count++
  }
  return count
}
