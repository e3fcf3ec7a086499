/** Learns which weights of one layer are rounded up, with the training engine. */
import { Random } from '../../data/random'
import { breathe, type TaskContext } from '../../jobs/context'
import { serialize } from '../../onnx/write'
import { openSession } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import { TrainingStep } from '../../training/step'
import { answerGraph, GAMMA, LOSS, learningGraph, RECONSTRUCTION, VARIABLE, weightShape, ZETA } from './graph'
import { channelOf, type RoundedLayer } from './layer'
import type { LayerRows, Rows } from './rows'

/** As published: β from 20 to 2 by half a cosine, after a fifth of the steps without the penalty. */
const BETA = { first: 20, last: 2 }
const WARM_UP = 0.2
/** Weight of the penalty, against an error in units of what rounding to nearest makes. */
const LAMBDA = 1
const RATE = 1e-2
/** Rows of one step. */
const BATCH = 512
/** Rows at once where errors are measured. */
const CHUNK = 2048

export interface LearnRequest {
  layer: RoundedLayer
  /** The float weights. */
  weights: Float32Array
  /** Code below the weight (`floorWeight`) and nearest code, both less the zero point, by element. */
  floor: Float32Array
  nearest: Float32Array
  /** One, or one for every output channel; without alpha. */
  scales: readonly number[]
  rows: LayerRows
  steps: number
  seed: number
  threads: number
}

export interface Learned {
  /** By element, whether it is rounded up. */
  up: Uint8Array
  /** Share of the signal's energy that is lost on samples held out: rounded to nearest, and as learned. */
  before: number
  after: number
  /** Share of the weights that have another code than by rounding to nearest. */
  moved: number
}

/** Null where rounding makes no error that could be learned from. Throws what training throws. */
export async function learnRounding(request: LearnRequest, context: TaskContext): Promise<Learned | null> {
  const { layer, weights, floor, nearest, rows, scales, threads } = request
  const channel = channelOf(layer)
  const session = await openSession(serialize(answerGraph(layer)), { threads })
  try {
    const measure = (w: Float32Array, of: Rows, against?: Float32Array) =>
      errorOf(layer, (feeds: Record<string, Tensor>) => session.run(feeds), w, of, against)
    const scaled = (codes: Float32Array) =>
      codes.map((q, i) => q * (scales[scales.length === 1 ? 0 : channel(i)] as number))
    const exact = await measure(weights, rows.learn)
    const unit = (await measure(scaled(nearest), rows.learn, exact.answers)).error / rows.learn.count
    if (!(unit > 0)) return null
    const up = await descend(request, unit, context)
    const codes = floor.map((f, i) => f + (up[i] as number))
    const energy = rows.held.given.reduce((sum, v) => sum + v * v, 0) || 1
    const before = (await measure(scaled(nearest), rows.held)).error / energy
    const after = (await measure(scaled(codes), rows.held)).error / energy
    const moved = codes.reduce((sum, q, i) => sum + (q === nearest[i] ? 0 : 1), 0) / codes.length
    return { up, before, after, moved }
  } finally {
    await session.close()
  }
}

/** Σ of squared differences over rows, from what is given or from other answers; and the answers themselves. */
async function errorOf(
  layer: RoundedLayer,
  run: (feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>,
  weights: Float32Array,
  rows: Rows,
  against?: Float32Array,
): Promise<{ error: number; answers: Float32Array }> {
  const height = layer.groups * layer.outputs
  const answers = new Float32Array(rows.count * height)
  const w: Tensor = { type: 'float32', dims: weightShape(layer), data: weights }
  let error = 0
  for (let at = 0; at < rows.count; at += CHUNK) {
    const size = Math.min(CHUNK, rows.count - at)
    const chosen = Uint32Array.from({ length: size }, (_, i) => at + i)
    const x = byGroup(rows.read, chosen, layer.groups, layer.inputs)
    const y = (await run({ x, w })).y?.data as Float32Array
    answers.set(y, at * height)
    const wanted = against
      ? against.subarray(at * height, (at + size) * height)
      : byGroup(rows.given, chosen, layer.groups, layer.outputs).data
    for (let i = 0; i < y.length; i++) error += ((y[i] as number) - (wanted[i] as number)) ** 2
  }
  return { error, answers }
}

/** Rows [row][group][size] as [group, row, size]. */
function byGroup(
  values: Float32Array,
  rows: Uint32Array,
  groups: number,
  size: number,
): Tensor & { data: Float32Array } {
  const data = new Float32Array(rows.length * groups * size)
  for (let g = 0; g < groups; g++) {
    for (let r = 0; r < rows.length; r++) {
      const from = ((rows[r] as number) * groups + g) * size
      data.set(values.subarray(from, from + size), (g * rows.length + r) * size)
    }
  }
  return { type: 'float32', dims: [groups, rows.length, size], data }
}

/** V where h(V) is the part that ⌊W/s⌋ leaves: the layer begins as it is in float. */
function start({ layer, weights, floor, scales }: LearnRequest): Float32Array {
  const channel = channelOf(layer)
  return weights.map((w, i) => {
    const part = w / (scales[scales.length === 1 ? 0 : channel(i)] as number) - (floor[i] as number)
    const h = Math.min(0.999, Math.max(0.001, part))
    return -Math.log((ZETA - GAMMA) / (h - GAMMA) - 1)
  })
}

async function descend(request: LearnRequest, unit: number, context: TaskContext): Promise<Uint8Array> {
  const { layer, rows, steps, threads } = request
  const random = new Random(request.seed)
  const count = Math.min(BATCH, rows.learn.count)
  const scales = request.scales.map(s => s * layer.alpha)
  const model = learningGraph(layer, { variable: start(request), floor: request.floor, scales, unit }, count)
  const step = await TrainingStep.open({
    model,
    loss: LOSS,
    parts: [RECONSTRUCTION],
    wrt: [VARIABLE],
    optimizer: { kind: 'adam' },
    shapes: {},
    frozenStatistics: true,
    scaled: false,
    device: 'cpu',
    threads,
  })
  try {
    const order = Uint32Array.from({ length: rows.learn.count }, (_, i) => i)
    let at = order.length
    for (let i = 0; i < steps; i++) {
      if (i % 16 === 0) {
        await breathe(context)
        context.progress(i / steps, 'Learning to round')
      }
      if (at + count > order.length) {
        random.shuffle(order)
        at = 0
      }
      const chosen = order.subarray(at, at + count)
      at += count
      const { beta, lambda } = schedule(i, steps)
      const feeds: Record<string, Tensor> = {
        x: byGroup(rows.learn.read, chosen, layer.groups, layer.inputs),
        t: byGroup(rows.learn.given, chosen, layer.groups, layer.outputs),
        beta: { type: 'float32', dims: [], data: Float32Array.of(beta) },
        lambda: { type: 'float32', dims: [], data: Float32Array.of(lambda) },
      }
      await step.gradients(feeds, random)
      step.optimizer.step(RATE)
    }
    return Uint8Array.from(step.optimizer.weights(VARIABLE), v => (v >= 0 ? 1 : 0))
  } finally {
    await step.close()
  }
}

function schedule(i: number, steps: number): { beta: number; lambda: number } {
  const warm = WARM_UP * steps
  if (i < warm) return { beta: BETA.first, lambda: 0 }
  const done = (i - warm) / (steps - warm)
  const beta = BETA.last + 0.5 * (BETA.first - BETA.last) * (1 + Math.cos(done * Math.PI))
  return { beta, lambda: LAMBDA }
}
