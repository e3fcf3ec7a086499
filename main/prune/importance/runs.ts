/** Running a model over samples for the sake of a few numbers per channel, which are computed inside the graph. */
import { create } from '@bufbuild/protobuf'
import type { NodeProto } from 'onnx-buf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import type { Importance } from '../../../shared/prune'
import { breathe, type TaskContext } from '../../jobs/context'
import { batchesOf } from '../../measure/batches'
import { makeNode } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import type { Graph } from '../../onnx/graph'
import { removeDead } from '../../onnx/passes/remove-dead'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import { toNumbers } from '../../runtime/tensor'
import type { Structure } from '../../structure/groups'
import type { SampleSet } from '../../technique'
import type { ValueAxis } from './linear'

/** Throws `bad-data` without samples. */
export function requireSamples(samples: SampleSet | undefined, importance: Importance): SampleSet {
  if (samples && samples.indices.length > 0) return samples
  throw new BantamError(
    'bad-data',
    `The importance ${importance} is measured on samples, and there are none.`,
    {
      ...(samples ? { where: samples.dataset.summary.spec.source } : {}),
      action: 'Give data, or choose l1, l2 or bn-scale, which look at weights alone.',
    },
  )
}

/** What is summed over everything but the axis: |x|, or x². */
export type Reduction = 'ReduceL1' | 'ReduceSumSquare'

export interface AxisSums {
  /** By `axisKey`: one sum per position of the axis. */
  sums: Map<string, Float64Array>
  /** How many values each of them is of. */
  counts: Map<string, number>
  /** Samples run. */
  samples: number
}

export function axisKey({ name, axis }: ValueAxis): string {
  return `${name}[${axis}]`
}

/**
 * Sums of values of the model along their axes over all samples. Throws `bad-data` naming a value that is not finite on
 * them, `cancelled` between runs, and what running throws.
 */
export async function axisSums(
  structure: Structure,
  wanted: readonly ValueAxis[],
  reduction: Reduction,
  { samples, threads }: { samples: SampleSet; threads: number },
  context: TaskContext,
): Promise<AxisSums> {
  const values = [...new Map(wanted.map(value => [axisKey(value), value])).values()]
  const session = await openReduced(structure, values, reduction, threads)
  const sums = new Map<string, Float64Array>()
  const counts = new Map<string, number>()
  try {
    const batches = batchesOf(samples, session.inputs)
    for (const [done, batch] of batches.entries()) {
      await breathe(context)
      const { feeds } = await samples.dataset.batch(batch)
      const results = await session.run(feeds)
      values.forEach((value, i) => {
        const key = axisKey(value)
        const row = results[sumName(i)]
        if (!row) throw new BantamError('internal', `Nothing came back for ${key}.`)
        sums.set(key, added(sums.get(key), toNumbers(row), value.name, batch))
        const count = Number(results[sizeName(i)]?.data[0] ?? 0) / Math.max(1, row.data.length)
        counts.set(key, (counts.get(key) ?? 0) + count)
      })
      context.progress((done + 1) / batches.length, 'Measuring channels on samples')
    }
    return { sums, counts, samples: batches.reduce((sum, batch) => sum + batch.length, 0) }
  } finally {
    await session.close()
  }
}

function added(
  sums: Float64Array | undefined,
  row: ArrayLike<number>,
  name: string,
  batch: Uint32Array,
): Float64Array {
  const into = sums ?? new Float64Array(row.length)
  if (into.length !== row.length)
    throw new BantamError('unsupported', `The number of channels of ${name} changes with the samples.`)
  for (let i = 0; i < row.length; i++) {
    const value = row[i] ?? 0
    if (!Number.isFinite(value))
      throw new BantamError('bad-data', `The value ${name} is not finite on the samples.`, {
        where: `samples ${batch[0]} to ${batch.at(-1)}`,
        action: 'Check these samples and their preprocessing.',
      })
    into[i] = (into[i] ?? 0) + value
  }
  return into
}

const sumName = (i: number) => `bantam/sum${i}`
const sizeName = (i: number) => `bantam/size${i}`

async function openReduced(
  structure: Structure,
  values: readonly ValueAxis[],
  reduction: Reduction,
  threads: number,
): Promise<Session> {
  const model = copyModel(structure.model)
  const { graph } = model
  graph.proto.output = []
  values.forEach((value, i) => {
    const rank = structure.flow.dims(value.name)?.length ?? 0
    const axes = Array.from({ length: rank }, (_, axis) => axis).filter(axis => axis !== value.axis)
    const as = `bantam/value${i}`
    graph.add(makeNode('Cast', [value.name], [as], { to: 1n }))
    graph.add(makeNode('Size', [value.name], [sizeName(i)]))
    graph.add(reductionNode(graph, reduction, as, sumName(i), axes, model.opset()))
    for (const name of [sumName(i), sizeName(i)])
      graph.proto.output.push(create(ValueInfoProtoSchema, { name }))
  })
  const { model: live } = await removeDead.run(model)
  return openSession(serialize(live), { threads }, model.directory ?? undefined)
}

/** From operator set 18 on the axes are an input. */
function reductionNode(
  graph: Graph,
  reduction: Reduction,
  from: string,
  to: string,
  axes: readonly number[],
  opset: number,
): NodeProto {
  if (axes.length === 0)
    return reduction === 'ReduceL1' ? makeNode('Abs', [from], [to]) : makeNode('Mul', [from, from], [to])
  const list = axes.map(BigInt)
  if (opset < 18) return makeNode(reduction, [from], [to], { keepdims: 0n, axes: list })
  const name = graph.freshName(`${to}/axes`)
  graph.setInitializer(makeTensor(name, 'int64', [list.length], list))
  return makeNode(reduction, [from, name], [to], { keepdims: 0n })
}
