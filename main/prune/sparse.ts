/** What pruning single weights by any pattern has in common: planning without changing, masks made again, the truth told. */
import type { TensorProto } from 'onnx-buf'
import { z } from 'zod'
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatBytes, formatExact } from '../../shared/format'
import { type PruneCost, PruneDecisions, type PruneDeclined, type RecoveryOptions } from '../../shared/prune'
import { type TaskContext, within } from '../jobs/context'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { counted } from '../onnx/passes/pass'
import {
  dataTypeName,
  elementBits,
  makeTensor,
  tensorByteLength,
  tensorBytes,
  tensorValues,
} from '../onnx/tensor'
import { nodeLabel } from '../quantize/names'
import { toNumbers } from '../runtime/tensor'
import { modelCosts } from '../structure/model-cost'
import type { PlanInput } from '../technique'
import { compressedSize } from './compressed'
import { type Mask, scoresOf, zerosIn } from './mask'
import { decodeFloats, encodeFloats } from './norms'
import { decideRecovery } from './recover'
import { percent } from './targets'
import type { FoundWeights, PrunableWeight } from './weights'

export const SparseDecisions = PruneDecisions.extend({
  /** Everything that masks are made again from, besides the weights themselves. */
  weights: z.array(
    z.object({
      name: z.string(),
      /** Elements, and how many of them become zero. */
      count: z.number().int(),
      zeros: z.number().int(),
      /** The highest score that goes. */
      threshold: z.number(),
      /** Wanda: norms of the input features, float32 in base64. */
      norms: z.string().optional(),
    }),
  ),
  /** Share of the weights that count which are zero. */
  sparsity: z.number(),
  /** Of all weights of the file. */
  compressedBytes: z.object({ before: z.number(), after: z.number(), exact: z.boolean() }),
})
export type SparseDecisions = z.infer<typeof SparseDecisions>
export type SparseWeight = SparseDecisions['weights'][number]

/** Which weights go when so many do, by their scores. */
export type MaskRule = (weight: PrunableWeight, scores: Float32Array, zeros: number) => Mask

/** The masks of a model with the weights found, from what the plan says: a share of its zeros, those there are first. */
export function planMasks(
  rule: MaskRule,
  model: Model,
  { weights }: FoundWeights,
  decisions: SparseDecisions,
  share = 1,
): Map<string, Mask> {
  const views = new Map(weights.map(weight => [weight.name, weight]))
  return new Map(
    decisions.weights.flatMap(entry => {
      const view = views.get(entry.name)
      const zeros = Math.round(entry.zeros * share)
      return view ? [[entry.name, maskOf(rule, model, view, entry, zeros)] as const] : []
    }),
  )
}

function maskOf(
  rule: MaskRule,
  model: Model,
  weight: PrunableWeight,
  entry: SparseWeight,
  zeros = entry.zeros,
): Mask {
  return rule(weight, scoresOf(weight, readWeight(model, weight.name), normsOf(entry)), zeros)
}

/** The numbers of a weight of a model. Throws `internal` when there is none, and what reading throws. */
export function readWeight(model: Model, name: string): Float32Array | Float64Array {
  return toNumbers(tensorValues(tensorOf(model, name), model.directory))
}

function tensorOf(model: Model, name: string): TensorProto {
  const tensor = model.graph.initializer(name)
  if (tensor) return tensor
  throw new BantamError('internal', 'The plan names a weight that the model does not have.', { where: name })
}

/** The norms that a plan keeps of a weight. */
function normsOf({ norms }: SparseWeight): Float32Array | undefined {
  return norms === undefined ? undefined : decodeFloats(norms)
}

/** A copy of a model with zeros where masks say so. Any float type stays what it is. */
export function withMasks(model: Model, masks: ReadonlyMap<string, Mask>): Model {
  const copy = copyModel(model)
  for (const [name, mask] of masks) {
    const tensor = tensorOf(model, name)
    copy.graph.setInitializer(masked(tensor, model, mask))
  }
  return copy
}

function masked(tensor: TensorProto, model: Model, mask: Mask): TensorProto {
  const bytes = maskedBytes(tensor, model, mask)
  const type = dataTypeName(tensor.dataType)
  if (type === 'float16') {
    const bits = new Uint16Array(bytes.buffer)
    return makeTensor(tensor.name, 'float16', tensor.dims.map(Number), bits)
  }
  return makeTensor(tensor.name, 'float32', tensor.dims.map(Number), new Float32Array(bytes.buffer))
}

function maskedBytes(tensor: TensorProto, model: Model, mask: Mask): Uint8Array {
  const bytes = Uint8Array.from(tensorBytes(tensor, model.directory))
  const size = (elementBits(tensor.dataType) ?? 32) / 8
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0) bytes.fill(0, i * size, (i + 1) * size)
  return bytes
}

export interface SparsePlan {
  technique: string
  input: PlanInput
  options: RecoveryOptions & Record<string, unknown>
  found: FoundWeights
  weights: SparseWeight[]
  rule: MaskRule
  /** Further weights that stay, with the reason. */
  declined: readonly PruneDeclined[]
  /** Samples that were looked at; 0 for none. */
  samples: number
  notes: readonly Note[]
}

/** The whole plan, from what goes in every layer. Throws what deciding on the recovery throws. */
export async function sparsePlan(made: SparsePlan, context: TaskContext): Promise<Plan> {
  const { found, weights, options, input } = made
  const { model } = found
  const before = await costOf(model)
  const compressedBytes = await compressedBoth(made, context)
  const recovery = await decideRecovery(input, model, options)
  const declined = [...found.declined, ...made.declined]
  const [all, zeros] = [weights.reduce((n, w) => n + w.count, 0), weights.reduce((n, w) => n + w.zeros, 0)]
  const decisions: SparseDecisions & Record<string, unknown> = {
    ...(made.samples > 0 ? { samples: made.samples } : {}),
    ...recovery.decisions,
    changes: weights.map(weight => changeOf(found, weight)),
    declined,
    // The file holds and ONNX Runtime computes as many as before.
    ...{ before, after: before },
    ...{ weights, sparsity: zeros / Math.max(1, all), compressedBytes },
  }
  const notes = [
    prunedNote(zeros, all, weights),
    ...speedNotes(compressedBytes),
    ...emptied(weights),
    ...made.notes,
    ...declined.map(declinedNote),
    ...recovery.notes,
  ]
  return { technique: made.technique, version: 1, seed: input.seed, options, decisions, notes }
}

async function costOf(model: Model): Promise<PruneCost> {
  const [cost] = await modelCosts([model])
  const bytes = [...model.graph.initializers()].reduce((sum, tensor) => sum + tensorByteLength(tensor), 0)
  return { parameters: cost?.parameters ?? 0, macs: cost?.macs ?? 0, bytes }
}

function changeOf(
  { weights }: FoundWeights,
  { name, count, zeros }: SparseWeight,
): PruneDecisions['changes'][number] {
  const nodes = weights.find(weight => weight.name === name)?.nodes.map(nodeLabel) ?? []
  const frees = { parameters: 0, macs: 0 }
  return { id: name, kind: 'weights', nodes, from: count, to: count - zeros, frees, milliseconds: null }
}

/** All weights of the file, with and without zeros. */
async function compressedBoth(
  { found, weights, rule }: SparsePlan,
  context: TaskContext,
): Promise<SparseDecisions['compressedBytes']> {
  const { model } = found
  const plans = new Map(weights.map(weight => [weight.name, weight]))
  const views = new Map(found.weights.map(weight => [weight.name, weight]))
  const tensors = [...model.graph.initializers()].filter(tensor => tensorByteLength(tensor) > 0)
  const arrays = tensors.map(tensor => ({
    bytes: tensorByteLength(tensor),
    read: () => tensorBytes(tensor, model.directory),
  }))
  const sparse = tensors.map(tensor => {
    const [plan, view] = [plans.get(tensor.name), views.get(tensor.name)]
    if (!plan || !view)
      return { bytes: tensorByteLength(tensor), read: () => tensorBytes(tensor, model.directory) }
    const read = () => maskedBytes(tensor, model, maskOf(rule, model, view, plan))
    return { bytes: tensorByteLength(tensor), read }
  })
  context.progress(0.8, 'Compressing the weights')
  const before = await compressedSize(arrays, within(context, 0.8, 0.9))
  const after = await compressedSize(sparse, within(context, 0.9, 1))
  return { before: before.bytes, after: after.bytes, exact: before.exact }
}

function prunedNote(zeros: number, all: number, weights: readonly SparseWeight[]): Note {
  return {
    code: 'pruned',
    severity: 'info',
    message: `${formatExact(zeros)} of ${formatExact(all)} weights (${percent(zeros / Math.max(1, all))}) in ${counted(weights.length, 'layer')} become zero.`,
  }
}

/** What zeros are worth, said whatever a person hopes. */
export function speedNotes({ before, after, exact }: SparseDecisions['compressedBytes']): Note[] {
  const about = exact ? '' : 'about '
  return [
    {
      code: 'not-faster',
      severity: 'warning',
      message:
        'ONNX Runtime multiplies with zeros as with any number: the file keeps its size and the model gets no faster here.',
      action:
        'Prune channels, heads or blocks to get faster everywhere; zeros pay on engines for sparse weights, such as DeepSparse, or TensorRT for the pattern 2:4.',
    },
    {
      code: 'compressed-size',
      severity: 'info',
      message: `Compressed (deflate, level 9) the weights take ${about}${formatBytes(after)} instead of ${formatBytes(before)}: that is what a download or archive gains.`,
    },
  ]
}

function emptied(weights: readonly SparseWeight[]): Note[] {
  return weights
    .filter(({ count, zeros }) => zeros >= 0.99 * count)
    .map(({ name, count, zeros }) => ({
      code: 'layer-emptied',
      severity: 'warning' as const,
      node: name,
      message: `${formatExact(count - zeros)} of ${formatExact(count)} weights of ${name} stay.`,
      action: 'Leave it alone, or choose the scope layer.',
    }))
}

function declinedNote({ id, reason, node }: PruneDeclined): Note {
  return {
    code: 'not-pruned',
    severity: 'info',
    message: `The weight ${id} stays whole: ${reason}.`,
    ...(node ? { node } : {}),
  }
}

/** The masks of float32 weights: others are not trained. */
export function heldMasks(model: Model, masks: ReadonlyMap<string, Mask>): Map<string, Mask> {
  return new Map([...masks].filter(([name]) => dataTypeName(tensorOf(model, name).dataType) === 'float32'))
}

/** A plan's entry for a weight of which so many elements are to go. */
export function plannedWeight(
  rule: MaskRule,
  model: Model,
  weight: PrunableWeight,
  zeros: number,
  norms?: Float32Array,
): SparseWeight {
  const scores = scoresOf(weight, readWeight(model, weight.name), norms)
  const mask = rule(weight, scores, zeros)
  let threshold = 0
  mask.forEach((bit, i) => {
    if (bit === 0) threshold = Math.max(threshold, scores[i] ?? 0)
  })
  return {
    ...{ name: weight.name, count: mask.length, zeros: zerosIn(mask), threshold },
    ...(norms ? { norms: encodeFloats(norms) } : {}),
  }
}
