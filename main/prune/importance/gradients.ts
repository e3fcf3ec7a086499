/** Importance by gradients of the loss on samples: its first-order change, and its square. */
import { BantamError } from '../../../shared/errors'
import { gradientGraph } from '../../autodiff/gradient'
import { LOSS } from '../../autodiff/losses'
import { gradientName } from '../../autodiff/prepare'
import { trainable } from '../../autodiff/trainable'
import { breathe, type TaskContext } from '../../jobs/context'
import { batchesOf } from '../../measure/batches'
import { makeNode, makeValue } from '../../onnx/build'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import { type Tensor, toNumbers } from '../../runtime/tensor'
import type { ChannelGroup, GroupWeight, Structure } from '../../structure/groups'
import { channelAt } from '../../structure/importance'
import { labelFeeds } from '../../training/objective'
import type { DataRequest } from './activations'
import { readsByWeight, sumsOver } from './linear'
import { addOwnLoss, type WithLoss } from './own-loss'
import { emptyScores, placesByWeight, readWeight } from './weights'

/** Samples that a gradient is the mean over. */
const BATCH = 16

/** A weight along one of its axes, by `axisOf`. */
const axisOf = ({ name, axis }: GroupWeight) => `${name}[${axis}]`

/**
 * For each channel the mean over batches of `measure`(Σ w·∂L/∂w), the sum over the weights that sum over the channel:
 * it equals x·∂L/∂x of what the channel gives, which is what the loss changes by, to first order, when the channel is
 * scaled down, and is exact where the loss is linear in it. That is the gate of Molchanov et al. 2019, "Importance
 * Estimation for Neural Network Pruning" (arXiv 1906.10771), placed where the channel is read, behind normalization and
 * activation function. For groups that no weight sums over (queries and keys), over all of their weights. Normalization
 * keeps its statistics, no Dropout drops. w·∂L/∂w is summed inside the graph: no gradient leaves it.
 *
 * Throws `unsupported` naming a group none of whose weights the loss depends on, or operators without a gradient;
 * `bad-data` where the loss is not finite; and what the loss and running throw.
 */
export async function gradientScores(
  { structure, groups, samples, threads }: DataRequest,
  measure: (change: number) => number,
  context: TaskContext,
): Promise<Map<string, Float64Array>> {
  context.progress(0, 'Building the gradients')
  const withLoss = await addOwnLoss(structure.model, samples)
  const learnt = new Set(await trainable(withLoss.model, LOSS))
  const weights = weightsByGroup(structure, groups, learnt)
  const batches = batchesOf(samples, modelInputs(structure.model), { most: BATCH, fill: true })
  const scores = emptyScores(groups)
  const step = await Products.open(structure, withLoss, [...weights.values()].flat(), {
    samples,
    batch: batches[0]?.length ?? 1,
    threads,
  })
  try {
    for (const [done, batch] of batches.entries()) {
      await breathe(context)
      const products = await step.run(batch)
      for (const group of groups) {
        const into = scores.get(group.id)
        changes(group, weights.get(group.id) ?? [], products).forEach((change, i) => {
          if (into) into[i] = (into[i] ?? 0) + measure(change) / batches.length
        })
      }
      context.progress((done + 1) / batches.length, 'Measuring gradients on samples')
    }
  } finally {
    await step.close()
  }
  return scores
}

/** The weights that sum over each group; all of its own where none does. Those that the loss does not depend on are left out. */
function weightsByGroup(
  structure: Structure,
  groups: readonly ChannelGroup[],
  learnt: ReadonlySet<string>,
): Map<string, GroupWeight[]> {
  const reads = readsByWeight(structure)
  const found = new Map<string, GroupWeight[]>(groups.map(group => [group.id, []]))
  for (const places of placesByWeight(structure, groups, weight => learnt.has(weight.name)).values())
    for (const { weight, group } of places) found.get(group.id)?.push(weight)
  for (const [id, weights] of found) {
    const ends = weights.filter(weight => sumsOver(reads, weight))
    if (ends.length > 0) found.set(id, ends)
    if (weights.length > 0) continue
    throw new BantamError('unsupported', `The loss depends on no float32 weight of ${id}.`, {
      where: id,
      action: 'Leave it out (exclude), or choose an importance of weights such as l2.',
    })
  }
  return found
}

/** Σ w·∂L/∂w of each channel of a group. */
function changes(
  group: ChannelGroup,
  weights: readonly GroupWeight[],
  products: ReadonlyMap<string, ArrayLike<number>>,
): Float64Array {
  const sums = new Float64Array(group.size)
  for (const weight of weights) {
    const row = products.get(axisOf(weight)) ?? []
    channelAt(weight.places, group.size, row.length).forEach((channel, at) => {
      if (channel >= 0) sums[channel] = (sums[channel] ?? 0) + (row[at] ?? 0)
    })
  }
  return sums
}

interface Running {
  samples: DataRequest['samples']
  batch: number
  threads: number
}

/** A session that gives w·∂L/∂w, summed along axes. */
class Products {
  private constructor(
    private readonly session: Session,
    private readonly bound: (feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>,
    private readonly withLoss: WithLoss,
    private readonly running: Running,
    /** Names of outputs, by `axisOf`. */
    private readonly outputs: ReadonlyMap<string, string>,
  ) {}

  static async open(
    structure: Structure,
    withLoss: WithLoss,
    weights: readonly GroupWeight[],
    running: Running,
  ): Promise<Products> {
    const wrt = [...new Set(weights.map(weight => weight.name))]
    const { inputs } = running.samples.dataset.summary
    const graph = await gradientGraph(withLoss.model, {
      loss: LOSS,
      wrt,
      shapes: Object.fromEntries(inputs.map(i => [i.name, [running.batch, ...i.shape]])),
      training: false,
      portable: false,
    })
    const outputs = addProducts(graph, weights)
    const session = await openSession(
      serialize(graph),
      { threads: running.threads, memoryPattern: false },
      withLoss.model.directory ?? undefined,
    )
    const fixed = Object.fromEntries(
      wrt.map(name => {
        const shape = weights.find(weight => weight.name === name)?.shape ?? []
        const data = Float32Array.from(readWeight(structure, name))
        return [name, { type: 'float32' as const, dims: [...shape], data }]
      }),
    )
    return new Products(session, session.bind(fixed), withLoss, running, outputs)
  }

  /** By `axisOf`. */
  async run(batch: Uint32Array): Promise<Map<string, ArrayLike<number>>> {
    const { feeds, labels } = await this.running.samples.dataset.batch(batch)
    const out = await this.bound({ ...feeds, ...labelFeeds(this.withLoss.labels, labels) })
    const loss = Number(out[LOSS]?.data[0])
    if (!Number.isFinite(loss))
      throw new BantamError('bad-data', `The loss of the model is ${loss} on the samples.`, {
        where: `samples ${batch[0]} to ${batch.at(-1)}`,
        action: 'Check these samples and their labels.',
      })
    return new Map([...this.outputs].map(([key, name]) => [key, numbersOf(out[name], key)]))
  }

  close(): Promise<void> {
    return this.session.close()
  }
}

function numbersOf(tensor: Tensor | undefined, key: string): ArrayLike<number> {
  const values = tensor ? toNumbers(tensor) : new Float64Array()
  if (values.every(Number.isFinite)) return values
  throw new BantamError('bad-data', `The gradient of the loss is not finite for ${key}.`, {
    where: key,
    action: 'Choose an importance of weights such as l2, or look for an overflow in the model.',
  })
}

/** Makes the sums, and the loss, the only outputs; their names by `axisOf`. */
function addProducts({ graph }: Model, weights: readonly GroupWeight[]): Map<string, string> {
  const outputs = new Map<string, string>()
  const products = new Map<string, string>()
  graph.proto.output = graph.proto.output.filter(value => value.name === LOSS)
  for (const weight of weights) {
    const { name, axis, shape } = weight
    if (outputs.has(axisOf(weight))) continue
    const product = products.get(name) ?? graph.freshName(`${name}/product`)
    if (!products.has(name)) graph.add(makeNode('Mul', [name, gradientName(name)], [product]))
    products.set(name, product)
    const sum = graph.freshName(`${name}/sum`)
    const others = shape.map((_, i) => i).filter(i => i !== axis)
    const axes = graph.freshName(`${name}/axes`)
    graph.setInitializer(makeTensor(axes, 'int64', [others.length], others.map(BigInt)))
    // Without axes ReduceSum would sum over all of them.
    const node =
      others.length > 0
        ? makeNode('ReduceSum', [product, axes], [sum], { keepdims: 0n })
        : makeNode('Identity', [product], [sum])
    graph.add(node)
    graph.proto.output.push(makeValue(sum, 'float32', [shape[axis] ?? 1]))
    outputs.set(axisOf(weight), sum)
  }
  return outputs
}
