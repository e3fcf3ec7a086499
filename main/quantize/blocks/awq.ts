/**
 * Scales for the inputs of dense layers whose weights are to be rounded: inputs that are large on samples get their
 * weights enlarged, so that these are rounded with smaller relative errors, and are divided by as much.
 *
 *   s_c = m_c^α / √(max m^α · min m^α),   m_c = mean |x_c|,   α of 0, 0.05, … 0.95 with the least
 *   Σ over layers that read x of  tr(Eᵀ·M·E),   E = Q(s ⊙ W) / s − W,   M = Σ x·xᵀ
 *
 * Paper: Lin et al., AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration, MLSys 2024
 * (arXiv:2306.00978), section 3.2. As published, Q rounds to nearest and layers are given what the float model gives
 * them. Two differences: the error is that of the layers themselves also where the authors look behind attention, and
 * from second moments it is that of all samples instead of some tokens. Inputs that hardly ever differ from zero count
 * as `LEAST` times the mean one.
 */
import type { NodeProto } from 'onnx-buf'
import { breathe, type TaskContext } from '../../jobs/context'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { serialize } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import { divideByMul, divideFolded, findFold, multiplyInputs } from '../fold-scale'
import { floatValues } from '../weights'
import { type BlockOptions, codeBlocks, decodeBlocks } from './blocks'
import { eachInput, type From, type InputGroup, type InputMoments, inputGroups, nodesOf } from './inputs'
import type { DenseLayer } from './select'

/** Exponents that are tried. */
const TRIED = 20
const LEAST = 1e-3
/** What the error must shrink to for a Mul of its own to be worth it. */
const WORTH_A_MUL = 0.95

/**
 * Scales the inputs of layers, and folds the division into what comes before. What was done is logged. The same model
 * and samples give the same scales.
 * @param model is edited; it computes what it did
 */
export async function scaleInputs(
  model: Model,
  layers: readonly DenseLayer[],
  options: Omit<BlockOptions, 'rounding' | 'fractional'>,
  from: From,
  context: TaskContext,
): Promise<void> {
  const rounding: BlockOptions = { ...options, rounding: 'nearest', fractional: false }
  const session = await openSession(serialize(errorModel()), { threads: from.threads })
  const found: { group: InputGroup; scales: Float64Array; gain: number }[] = []
  try {
    // What layers of one weight are given, but different things, cannot be scaled by one scale.
    const groups = inputGroups(model, layers).filter(
      ({ inputs }) => inputs.length === 1 && !inputs[0]?.turned,
    )
    const stages = groups.map(group => [group])
    await eachInput(model, stages, from, context, async (group, inputs, told) => {
      told.progress(0, `Searching scales for ${group.inputs[0]?.name}`)
      const best = await bestScales(model, group, inputs, rounding, session, () => breathe(told))
      if (best) found.push({ group, ...best })
    })
  } finally {
    await session.close()
  }
  for (const { group, scales, gain } of found) {
    const where = applyScales(model, group, scales, gain)
    const names = group.layers.map(layer => layer.id).join(', ')
    context.log(
      `Scaled the inputs of ${names}: ${where}; the error of rounding is ${gain.toPrecision(3)} of what it was.`,
    )
  }
}

/** Scales with the least error and its part of the error without any; null where none is better. */
async function bestScales(
  model: Model,
  group: InputGroup,
  { moments, magnitudes }: InputMoments,
  rounding: BlockOptions,
  session: Session,
  pause: () => Promise<void>,
): Promise<{ scales: Float64Array; gain: number } | null> {
  const { k, layers } = group
  const nodes = nodesOf(model, layers)
  const mean = magnitudes.reduce((sum, m) => sum + m, 0) / k
  if (!(mean > 0)) return null
  const sizes = magnitudes.map(m => Math.max(m / mean, LEAST))
  const given = { type: 'float32' as const, dims: [k, k], data: Float32Array.from(moments) }
  const weights = new Map<string, { layer: DenseLayer; values: Float32Array }>()
  for (const layer of layers) {
    const name = nodes.get(layer)?.input[1] ?? ''
    const tensor = model.graph.initializer(name)
    if (tensor) weights.set(name, { layer, values: floatValues(tensor, model.directory) })
  }
  let [best, least, plain] = [null as Float64Array | null, Number.POSITIVE_INFINITY, 0]
  for (let i = 0; i < TRIED; i++) {
    const scales = scalesFor(sizes, i / TRIED)
    let error = 0
    for (const { layer, values } of weights.values()) {
      const rows = await roundingErrors(values, layer, scales, rounding, pause)
      const errors = { type: 'float32' as const, dims: [layer.n, k], data: rows }
      const { total } = await session.run({ errors, moments: given })
      error += Number(total?.data[0] ?? 0)
    }
    if (i === 0) plain = error
    if (error < least) [best, least] = [scales, error]
  }
  return best && least < plain ? { scales: best, gain: least / plain } : null
}

function scalesFor(sizes: Float64Array, exponent: number): Float64Array {
  const scales = sizes.map(size => size ** exponent)
  const [most, least] = [Math.max(...scales), Math.min(...scales)]
  return scales.map(s => s / Math.sqrt(most * least))
}

/** Q(s ⊙ W) / s − W as [N, K]. */
async function roundingErrors(
  values: Float32Array,
  layer: DenseLayer,
  scales: Float64Array,
  rounding: BlockOptions,
  pause: () => Promise<void>,
): Promise<Float32Array> {
  const { k, n, transposed } = layer
  const input = (at: number) => (transposed ? at % k : Math.floor(at / n))
  const scaled = values.map((value, at) => value * (scales[input(at)] as number))
  const rows = decodeBlocks(await codeBlocks(scaled, layer, rounding, 1, pause), true)
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < k; i++) {
      const value = values[transposed ? j * k + i : i * n + j] as number
      rows[j * k + i] = (rows[j * k + i] as number) / (scales[i] as number) - value
    }
  }
  return rows
}

/** Answers where the division went. */
function applyScales(model: Model, group: InputGroup, scales: Float64Array, gain: number): string {
  const readers = new Set<NodeProto>(nodesOf(model, group.layers).values())
  const value = group.inputs[0]?.name ?? ''
  const fold = findFold(model, value, group.k, readers)
  if (typeof fold === 'string' && gain > WORTH_A_MUL) return `no, a Mul is not worth it and ${fold}`
  const weights = new Map([...readers].map(node => [node.input[1] ?? '', node]))
  if (typeof fold === 'string') divideByMul(model, value, readers, scales)
  else divideFolded(model, fold, scales)
  for (const [name, node] of weights) {
    multiplyInputs(model, node, scales)
    const own = node.input[1] ?? ''
    if (own === name) continue
    // A copy was made because several nodes read the weight; those of the group read the copy too.
    for (const other of readers) if (other.input[1] === name) model.graph.setInput(other, 1, own)
  }
  return typeof fold === 'string' ? `by a Mul, since ${fold}` : 'in what comes before'
}

/** Σ over all elements of (E·M) ⊙ E, for E [N, K] and M [K, K]. */
function errorModel(): Model {
  return makeModel({
    opset: 13,
    inputs: [makeValue('errors', 'float32', ['n', 'k']), makeValue('moments', 'float32', ['k', 'k'])],
    outputs: [makeValue('total', 'float32', [])],
    nodes: [
      makeNode('MatMul', ['errors', 'moments'], ['a']),
      makeNode('Mul', ['a', 'errors'], ['b']),
      makeNode('ReduceSum', ['b'], ['total'], { keepdims: 0n }),
    ],
    initializers: [],
  })
}
