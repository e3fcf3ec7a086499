/** What smoothing needs to know of the inputs of dense layers: the range of every channel, and some of their rows. */
import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import { type AttributeValue, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import type { Session } from '../../runtime/session'
import { joined, type Tensor } from '../../runtime/tensor'
import type { SampleSet } from '../../technique'
import { batchPlan, cutByBytes, openCalibration, pick } from '../calibrate/run'
import { editableCopy } from '../copy'
import { allFinite } from '../weights'

/** Rows kept of every value, at most. */
const ROWS = 256
/** First opset in which ReduceMin and ReduceMax take their axes as an input. */
const AXES_AS_INPUT = 18

/** A value as a matrix whose columns are the channels of its last axis. */
export interface ChannelStatistics {
  /** Least and largest value of every channel over all samples. */
  min: Float32Array
  max: Float32Array
  /** Rows evenly spaced over the samples, one after the other; empty where none were asked for. */
  rows: Float32Array<ArrayBuffer>
}

/**
 * Runs the model over the samples. `values`: float32 values by their number of channels. Throws `bad-data` without
 * samples, or where a value is not finite.
 */
export async function channelStatistics(
  model: Model,
  values: ReadonlyMap<string, number>,
  samples: SampleSet & { threads: number },
  rows: boolean,
  context: TaskContext,
): Promise<Map<string, ChannelStatistics>> {
  const perSample = rows ? Math.max(1, Math.ceil(ROWS / samples.indices.length)) : 0
  const session = await openCalibration(observed(model, values, rows), samples.threads, context)
  try {
    return await measure(session, values, samples, perSample, context)
  } finally {
    await session.close()
  }
}

const TAKEN = 'bantam/smooth/taken'
const part = (value: string, name: string) => `bantam/smooth/${name}/${value}`

/** The model with extremes of every channel as outputs, and rows picked by an input that counts up to how many. */
function observed(source: Model, values: ReadonlyMap<string, number>, rows: boolean): Model {
  const model = editableCopy(source)
  const { graph } = model
  const inAttribute = model.opset() < AXES_AS_INPUT
  const constant = (name: string, data: bigint[]) => {
    graph.setInitializer(makeTensor(name, 'int64', [data.length], data))
    return name
  }
  const first = constant('bantam/smooth/first', [0n])
  const outputs: string[] = []
  for (const [value, channels] of values) {
    const name = (of: string) => part(value, of)
    const shape = constant(name('shape'), [-1n, BigInt(channels)])
    graph.add(makeNode('Reshape', [value, shape], [name('matrix')]))
    for (const of of ['min', 'max'] as const) {
      const op = of === 'min' ? 'ReduceMin' : 'ReduceMax'
      const inputs = inAttribute ? [name('matrix')] : [name('matrix'), first]
      const attributes: Record<string, AttributeValue> = { keepdims: 0n }
      if (inAttribute) attributes.axes = [0n]
      graph.add(makeNode(op, inputs, [name(of)], attributes))
      outputs.push(name(of))
    }
    graph.add(makeNode('Shape', [name('matrix')], [name('dims')]))
    outputs.push(name('dims'))
    if (!rows) continue
    // Row i of n is row ⌊i · all / n⌋ of the matrix.
    graph.add(makeNode('Gather', [name('dims'), first], [name('all')], { axis: 0n }))
    graph.add(makeNode('Mul', [TAKEN, name('all')], [name('times')]))
    graph.add(makeNode('Shape', [TAKEN], [name('wanted')]))
    graph.add(makeNode('Div', [name('times'), name('wanted')], [name('at')]))
    graph.add(makeNode('Gather', [name('matrix'), name('at')], [name('rows')], { axis: 0n }))
    outputs.push(name('rows'))
  }
  graph.proto.output = outputs.map(name => create(ValueInfoProtoSchema, { name }))
  if (rows) graph.proto.input.push(makeValue(TAKEN, 'int64', ['bantam_rows']))
  return model
}

async function measure(
  session: Session,
  values: ReadonlyMap<string, number>,
  { dataset, indices }: SampleSet,
  perSample: number,
  context: TaskContext,
): Promise<Map<string, ChannelStatistics>> {
  const found = new Map<string, { min: Float32Array; max: Float32Array; rows: Float32Array[] }>()
  const plan = batchPlan({ inputs: session.inputs.filter(({ name }) => name !== TAKEN) }, indices)
  for (let done = 0; done < plan.batches.length; done++) {
    await breathe(context)
    const batch = plan.batches[done] as Uint32Array // within the list
    const { feeds } = await dataset.batch(batch)
    const results = await session.run(pick(session, { ...feeds, [TAKEN]: countUp(perSample * batch.length) }))
    let size = 0
    for (const [value, channels] of values) {
      const read = (of: string) => results[part(value, of)]?.data as Float32Array | undefined // float32 by request
      const [min, max, rows] = [read('min'), read('max'), read('rows')]
      if (!min || !max || !allFinite(min) || !allFinite(max)) throw notFinite(value, batch)
      const known = found.get(value)
      found.set(value, {
        min: known ? known.min.map((v, i) => Math.min(v, min[i] as number)) : min,
        max: known ? known.max.map((v, i) => Math.max(v, max[i] as number)) : max,
        rows: rows ? [...(known?.rows ?? []), rows] : [],
      })
      size += (4 * Number(results[part(value, 'dims')]?.data[0] ?? 0) * channels) / batch.length
    }
    if (done === 0) cutByBytes(plan, 1, size)
    context.progress((done + 1) / plan.batches.length, 'Measuring channels')
  }
  return new Map([...found].map(([value, known]) => [value, { ...known, rows: joined(known.rows) }]))
}

function countUp(count: number): Tensor {
  return { type: 'int64', dims: [count], data: BigInt64Array.from({ length: count }, (_, i) => BigInt(i)) }
}

function notFinite(value: string, batch: Uint32Array): BantamError {
  return new BantamError('bad-data', `The value ${value} is not finite on calibration samples.`, {
    where: `samples ${batch[0]} to ${batch.at(-1)}`,
    action: 'Check these samples and their preprocessing, or exclude the node that reads the value.',
  })
}
