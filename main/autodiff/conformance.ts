/**
 * Compares a gradient with finite differences: for a random direction v and weights c of the outputs, ⟨∇, v⟩ against the
 * derivative of Σ c·y along v. Imported by tests only.
 */
import { BantamError } from '../../shared/errors'
import { Random } from '../data/random'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'
import { elementCount, type Tensor, toNumbers } from '../runtime/tensor'
import { expand } from './expand/expand'
import { gradientGraph } from './gradient'
import { gradientName, runningStatistics } from './prepare'
import type { GradientSpec, IntegerInput, RealInput } from './spec'
import { weightFeeds } from './testing'

export type Precision = 'float64' | 'float32'

/** Largest relative error allowed. Float32: rounding of y over the step 2^-6 is some 1e-5 of the gradient's norm. */
export const TOLERANCE: Record<Precision, number> = { float64: 1e-6, float32: 5e-4 }

/** Feeds of a spec's model, and the names of those that are differentiated. */
interface Case {
  model: Model
  feeds: Record<string, Tensor>
  wrt: string[]
  outputs: string[]
}

const isReal = (input: RealInput | IntegerInput): input is RealInput => !('ints' in input)

function numbers(input: RealInput, random: () => number): number[] {
  const n = elementCount(input.dims)
  if (input.fixed) return input.fixed
  if (input.distinct) {
    const order = Array.from({ length: n }, (_, i) => [random(), i - n / 2] as const)
    return order.sort((a, b) => a[0] - b[0]).map(([, i]) => i * 0.1)
  }
  const [low, high] = input.domain ?? [-2, 2]
  const far = (v: number) => (input.avoid ?? []).every(a => Math.abs(a - v) > 0.1)
  return Array.from({ length: n }, () => {
    let v = low + (high - low) * random()
    while (!far(v)) v = low + (high - low) * random()
    return v
  })
}

export function tensorOf(type: Precision, dims: number[], data: ArrayLike<number>): Tensor {
  return { type, dims, data: type === 'float64' ? Float64Array.from(data) : Float32Array.from(data) }
}

/** Operators that must have a further output of integers. */
const UNREAD = /TopK|EmbedLayerNormalization/

function makeCase(spec: GradientSpec, type: Precision, random: () => number): Case {
  const feeds: Record<string, Tensor> = {}
  const wrt: string[] = []
  const initializers: ReturnType<typeof makeTensor>[] = []
  const names = spec.inputs.map((input, i) => {
    if (!input) return ''
    const name = `in${i}`
    if (!isReal(input)) {
      const kind = input.bool ? 'bool' : input.int32 ? 'int32' : 'int64'
      const data = kind === 'int64' ? BigInt64Array.from(input.ints, BigInt) : input.ints
      initializers.push(makeTensor(name, kind, input.dims ?? [input.ints.length], data))
    } else if (input.fixed)
      initializers.push(makeTensor(name, input.plain ? 'float32' : type, input.dims, input.fixed))
    else {
      feeds[name] = tensorOf(type, input.dims, numbers(input, random))
      wrt.push(name)
    }
    return name
  })
  const [domain, op] = spec.op.includes(':') ? spec.op.split(':') : ['', spec.op]
  const places = Array.isArray(spec.outputs) ? spec.outputs : [...Array(spec.outputs ?? 1).keys()]
  const outputs = places.map(i => `y${i}`)
  const all = Array.from({ length: Math.max(...places) + 1 }, (_, i) => (places.includes(i) ? `y${i}` : ''))
  const node = makeNode(op ?? '', names, UNREAD.test(spec.op) ? [...all, 'unread'] : all, spec.attributes, {
    name: 'node',
    domain: domain ?? '',
  })
  const model = makeModel({
    nodes: [node],
    inputs: wrt.map(name => makeValue(name, type, feeds[name]?.dims ?? [])),
    outputs: outputs.map(name => makeValue(name, type, null)),
    initializers,
    opset: spec.opset ?? 17,
    domains: domain ? { [domain]: 1 } : {},
  })
  return { model, feeds, wrt, outputs }
}

/** Adds loss = Σ c·y, c random constants of each output's shape. */
function withLoss(c: Case, weights: Record<string, Tensor>, type: Precision): Model {
  const { proto } = c.model.graph
  const parts = c.outputs.map(name => `${name}/part`)
  return makeModel({
    nodes: [
      ...proto.node,
      ...c.outputs.flatMap((name, i) => [
        makeNode('Mul', [name, `${name}/c`], [`${name}/cy`]),
        makeNode('ReduceSum', [`${name}/cy`], [parts[i] ?? ''], { keepdims: 0n }),
      ]),
      makeNode('Sum', parts, ['loss']),
    ],
    inputs: [...proto.input],
    outputs: [makeValue('loss', type, null)],
    initializers: [
      ...proto.initializer,
      ...c.outputs.map(name => {
        const w = weights[name] as Tensor
        return makeTensor(`${name}/c`, type, w.dims, w.data)
      }),
    ],
    opset: c.model.opset(),
    domains: Object.fromEntries(
      c.model.proto.opsetImport.filter(o => o.domain).map(o => [o.domain, Number(o.version)]),
    ),
  })
}

/** Leaves open the first axis of inputs of three or more axes that is as long as that of the first input. */
function openBatch(c: Case): void {
  const { proto } = c.model.graph
  const batch = c.feeds[c.wrt[0] ?? '']?.dims[0]
  proto.input = proto.input.map(value => {
    const { dims, type } = c.feeds[value.name] as Tensor
    return makeValue(
      value.name,
      type,
      dims.length > 2 && dims[0] === batch ? ['batch', ...dims.slice(1)] : dims,
    )
  })
}

/**
 * Largest relative difference between what the operator of a spec gives and what it is taken apart into gives, with the
 * batch left open if `open`.
 */
export async function expansionError(spec: GradientSpec, open = false): Promise<number> {
  const source = new Random(5)
  const c = makeCase(spec, 'float32', () => source.unit())
  if (open) openBatch(c)
  const { model, reasons } = await expand(copyModel(c.model), c.outputs, c.wrt)
  const [left] = reasons.values()
  if (left) throw new Error(left)
  checkModel(model)
  const [before, after] = [await runOnce(c.model, c.feeds), await runOnce(model, c.feeds)]
  let worst = 0
  for (const name of c.outputs) {
    const [a, b] = [before[name] as Tensor, after[name] as Tensor]
    if (a.dims.join() !== b.dims.join()) throw new Error(`${name} is [${b.dims}], not [${a.dims}].`)
    const [x, y] = [[...toNumbers(a)], toNumbers(b)]
    const scale = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
    x.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v - (y[i] ?? Number.NaN)) / scale)
    })
  }
  return worst
}

/** Relative error of one spec, and the precision it could be run in. */
export async function gradientError(
  spec: GradientSpec,
  gpu = false,
): Promise<{ error: number; precision: Precision }> {
  const single = spec.single ?? false
  try {
    if (!single) return { error: await errorIn(spec, 'float64', gpu), precision: 'float64' }
  } catch (error) {
    // ONNX Runtime has no float64 kernel for it.
    if (
      !(error instanceof BantamError) ||
      !/Could not find an implementation|Failed to find kernel|does not support double|Type Error|type 'tensor\(double\)'/.test(
        error.message,
      )
    )
      throw error
  }
  return { error: await errorIn(spec, 'float32', gpu), precision: 'float32' }
}

async function errorIn(spec: GradientSpec, type: Precision, gpu: boolean): Promise<number> {
  const source = new Random(7)
  const random = () => source.unit()
  const c = makeCase(spec, type, random)
  const base = forwardForm(spec, c)
  const forward = await openSession(serialize(base), { threads: 1, optimization: 'disabled' })
  try {
    const y = await forward.run(c.feeds, c.outputs)
    const weights = Object.fromEntries(
      c.outputs.map(name => {
        const t = y[name] as Tensor
        return [
          name,
          tensorOf(
            type,
            t.dims,
            toNumbers(t).map(() => random() * 2 - 1),
          ),
        ]
      }),
    )
    const graph = await gradientGraph(withLoss(c, weights, type), {
      gpu,
      loss: 'loss',
      wrt: c.wrt,
      training: spec.training ?? true,
    })
    const gradients = await runOnce(graph, { ...(spec.training ? statisticFeeds(c.model) : {}), ...c.feeds })
    const direction = Object.fromEntries(
      c.wrt.map(name => [name, toNumbers(c.feeds[name] as Tensor).map(() => random() * 2 - 1)]),
    )
    const slope = await derivative(forward, c, direction, weights, type)
    let inner = 0
    let norm = 0
    for (const name of c.wrt) {
      const g = gradients[gradientName(name)]
      const input = c.feeds[name]
      if (!g || !input || g.dims.join() !== input.dims.join())
        throw new Error(`The gradient of ${name} has shape [${g?.dims}], not [${input?.dims}].`)
      toNumbers(g).forEach((v, i) => {
        inner += v * (direction[name]?.[i] ?? 0)
        norm += v * v
      })
    }
    if (norm === 0) throw new Error('The gradient is zero: the spec shows nothing.')
    return Math.abs(inner - slope) / Math.max(Math.abs(slope), Math.sqrt(norm))
  } finally {
    await forward.close()
  }
}

/** Statistics of batch normalization, which are inputs in training form. */
function statisticFeeds(model: Model): Record<string, Tensor> {
  return weightFeeds(model, runningStatistics(model))
}

/** The node as training runs it: batch normalization over the batch. */
function forwardForm(spec: GradientSpec, c: Case): Model {
  if (spec.op !== 'BatchNormalization' || !spec.training) return c.model
  const node = makeNode('BatchNormalization', ['in0', 'in1', 'in2', 'in3', 'in4'], ['y0', 'm', 'v'], {
    training_mode: 1n,
  })
  const { proto } = c.model.graph
  return makeModel({
    nodes: [node],
    inputs: [...proto.input],
    outputs: [...proto.output],
    initializers: [...proto.initializer],
  })
}

export async function runOnce(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await openSession(serialize(model), { threads: 1 })
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

/** (f(−2h) − 8f(−h) + 8f(h) − f(2h)) / 12h: error of order h⁴. */
async function derivative(
  session: Session,
  c: Case,
  direction: Record<string, ArrayLike<number>>,
  weights: Record<string, Tensor>,
  type: Precision,
): Promise<number> {
  const h = type === 'float64' ? 2 ** -11 : 2 ** -6
  const along = async (t: number): Promise<number> => {
    const feeds = Object.fromEntries(
      c.wrt.map(name => {
        const x = c.feeds[name] as Tensor
        return [
          name,
          tensorOf(
            type,
            x.dims,
            toNumbers(x).map((v, i) => v + t * (direction[name]?.[i] ?? 0)),
          ),
        ]
      }),
    )
    const y = await session.run(feeds, c.outputs)
    let sum = 0
    for (const name of c.outputs) {
      const w = toNumbers(weights[name] as Tensor)
      toNumbers(y[name] as Tensor).forEach((v, i) => {
        sum += v * (w[i] ?? 0)
      })
    }
    return sum
  }
  return (
    ((await along(-2 * h)) - 8 * (await along(-h)) + 8 * (await along(h)) - (await along(2 * h))) / (12 * h)
  )
}
