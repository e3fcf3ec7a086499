/**
 * One training step: an ONNX graph gives loss and gradients, the optimizer changes the weights in place. Weights and
 * gradients are views into the optimizer's memory, bound to the session once.
 */

import type { Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { gradientGraph } from '../autodiff/gradient'
import { gradientName, maskName, runningName, runningStatistics } from '../autodiff/prepare'
import type { Random } from '../data/random'
import { floatAttribute, intAttribute } from '../onnx/build'
import { type Model, normalDomain } from '../onnx/model'
import { tensorDims, tensorValues } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { type BoundRun, openSession, type Session } from '../runtime/session'
import { elementCount, type Tensor, toNumbers } from '../runtime/tensor'
import { Optimizer, type OptimizerOptions } from './optimizer/optimizer'

/** Input by which the loss is multiplied before it is differentiated. */
const SCALE = 'bantam/scale'

export interface StepRequest {
  /** Forward graph and losses; weights and statistics are its initializers. */
  model: Model
  /** Name of the scalar loss. */
  loss: string
  /** Outputs that hold the parts of the loss. */
  parts: readonly string[]
  /** Initializers to train, float32. */
  wrt: readonly string[]
  optimizer: OptimizerOptions
  /** Shapes of the inputs, the batch included; symbolic where they vary. */
  shapes: Readonly<Record<string, readonly (number | string)[]>>
  /** Keep the statistics of batch normalization. */
  frozenStatistics: boolean
  scaled: boolean
  device: Device
  threads: number
}

/** A Dropout of the graph: the input of its mask and the share it drops. */
interface Mask {
  name: string
  ratio: number
  shape: (number | string)[]
}

export class TrainingStep {
  private constructor(
    private readonly session: Session,
    private readonly bound: BoundRun,
    readonly optimizer: Optimizer,
    /** Running statistics by initializer: what the next step reads. */
    readonly statistics: ReadonlyMap<string, Float32Array>,
    private readonly request: StepRequest,
    private readonly masks: readonly Mask[],
    private readonly scale: Float32Array,
  ) {}

  /**
   * Builds the gradient graph and opens it. Throws `unsupported` when a node on the way has no gradient or the device
   * is not there, `bad-option` for names that are not in the model, and what the optimizer throws.
   */
  static async open(request: StepRequest): Promise<TrainingStep> {
    const { model, wrt, loss, parts, shapes, frozenStatistics, scaled } = request
    const graph = await gradientGraph(model, {
      loss,
      wrt,
      shapes,
      outputs: parts,
      training: !frozenStatistics,
      dropout: 'mask',
      portable: request.device !== 'cpu',
      gpu: request.device !== 'cpu',
      ...(scaled ? { scale: SCALE } : {}),
    })
    const dims = new Map(wrt.map(name => [name, dimsOf(model, name)]))
    const optimizer = Optimizer.create(
      wrt.map(name => {
        const shape = dims.get(name) ?? []
        return { name, size: elementCount(shape), decay: shape.length >= 2 }
      }),
      request.optimizer,
    )
    for (const name of wrt) {
      optimizer.weights(name).set(floats(model, name))
      optimizer.averaged(name)?.set(optimizer.weights(name))
    }
    const names = frozenStatistics ? [] : runningStatistics(model)
    const statistics = new Map(names.map(name => [name, Float32Array.from(floats(model, name))]))
    const scale = Float32Array.of(1)
    const fixed: Record<string, Tensor> = scaled
      ? { [SCALE]: { type: 'float32', dims: [], data: scale } }
      : {}
    const places: Record<string, Tensor | null> = { [loss]: null }
    for (const name of wrt) {
      const shape = dims.get(name) ?? []
      fixed[name] = { type: 'float32', dims: shape, data: optimizer.weights(name) }
      places[gradientName(name)] = { type: 'float32', dims: shape, data: optimizer.gradients(name) }
    }
    for (const [name, data] of statistics) {
      fixed[name] = { type: 'float32', dims: [data.length], data }
      places[runningName(name)] = null
    }
    for (const name of parts) places[name] = null
    const session = await openSession(
      serialize(graph),
      // Activations live from forward to backward: one block for all of them would double the memory.
      { threads: request.threads, device: request.device, memoryPattern: false },
      model.directory ?? undefined,
    )
    try {
      const masks = masksOf(model, session)
      return new TrainingStep(
        session,
        session.bind(fixed, places),
        optimizer,
        statistics,
        request,
        masks,
        scale,
      )
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /**
   * Forward and backward: fills the gradients. Returns loss and parts; the statistics of normalizations move on only
   * when the loss is finite. `random` draws the masks of dropout.
   */
  async gradients(
    feeds: Record<string, Tensor>,
    random: Random,
    scale = 1,
  ): Promise<{ loss: number; parts: number[] }> {
    this.scale[0] = scale
    const out = await this.bound({ ...feeds, ...this.drawMasks(feeds, random) })
    const loss = scalar(out[this.request.loss])
    if (Number.isFinite(loss)) {
      for (const [name, data] of this.statistics) data.set(out[runningName(name)]?.data as Float32Array)
    }
    return { loss, parts: this.request.parts.map(name => scalar(out[name])) }
  }

  private drawMasks(feeds: Record<string, Tensor>, random: Random): Record<string, Tensor> {
    if (this.masks.length === 0) return {}
    const sizes = symbolSizes(this.session.inputs, feeds)
    return Object.fromEntries(
      this.masks.map(({ name, ratio, shape }) => {
        const dims = shape.map(d => (typeof d === 'number' ? d : (sizes.get(d) ?? 0)))
        return [name, { type: 'float32', dims, data: drawMask(elementCount(dims), ratio, random) }]
      }),
    )
  }

  close(): Promise<void> {
    return this.session.close()
  }
}

function scalar(tensor: Tensor | undefined): number {
  return Number(tensor?.data[0])
}

function tensorOf(model: Model, name: string) {
  const tensor = model.graph.initializer(name)
  if (tensor) return tensor
  throw new BantamError('bad-option', `There is no weight named ${name} in the model.`, { where: name })
}

function dimsOf(model: Model, name: string): number[] {
  return tensorDims(tensorOf(model, name))
}

function floats(model: Model, name: string): Float32Array | Float64Array {
  return toNumbers(tensorValues(tensorOf(model, name), model.directory))
}

/** Dropouts of the forward graph that became inputs of the session. */
function masksOf(model: Model, session: Session): Mask[] {
  return model.graph.nodes.flatMap(node => {
    if (node.opType !== 'Dropout' || normalDomain(node.domain) !== '') return []
    const input = session.inputs.find(i => i.name === maskName(node.output[0] ?? ''))
    if (!input) return []
    return [{ name: input.name, ratio: ratioOf(model, node), shape: [...input.shape] }]
  })
}

/** From operator set 12 on the ratio is an input; a half where it is not given. */
function ratioOf(model: Model, node: Model['graph']['nodes'][number]): number {
  const tensor = model.graph.initializer(node.input[1] ?? '')
  if (tensor) return toNumbers(tensorValues(tensor, model.directory))[0] ?? 0.5
  return intAttribute(node, 'is_test', 0) === 1 ? 0 : floatAttribute(node, 'ratio', 0.5)
}

/** 0 with probability `ratio`, else 1/(1 − ratio) (Srivastava et al. 2014, "Dropout", inverted). */
function drawMask(count: number, ratio: number, random: Random): Float32Array {
  const bits = new Uint32Array(count)
  random.fill(bits)
  const mask = new Float32Array(count)
  const kept = 1 / (1 - ratio)
  const limit = ratio * 2 ** 32
  for (let i = 0; i < count; i++) mask[i] = (bits[i] ?? 0) < limit ? 0 : kept
  return mask
}

/** Sizes of symbolic dimensions in this batch. */
function symbolSizes(inputs: Session['inputs'], feeds: Record<string, Tensor>): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const { name, shape } of inputs)
    shape.forEach((d, axis) => {
      const size = feeds[name]?.dims[axis]
      if (typeof d === 'string' && d !== '' && size !== undefined) sizes.set(d, size)
    })
  return sizes
}
