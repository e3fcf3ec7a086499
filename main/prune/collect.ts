/** Sums over samples of small tensors that are computed inside the graph, so that no activation leaves the session. */
import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { batchesOf } from '../measure/batches'
import { makeNode } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import type { Graph } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { removeDead } from '../onnx/passes/remove-dead'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import type { SampleSet } from '../technique'

/** A tensor of a size that does not depend on the batch, made from values of the graph. */
export interface Collected {
  key: string
  /** Value of the model that it is made from, for messages. */
  from: string
  /** Adds the nodes that make it, float32, as the value `to`. */
  build(graph: Graph, opset: number, to: string): void
}

/** Sums by key, and how many samples were run. */
export interface Sums {
  sums: Map<string, Float64Array>
  samples: number
}

/** Where a model's inputs come from, run by run. */
export interface Runs {
  /** Samples of every run. */
  batches: readonly Uint32Array[]
  feeds(run: number): Promise<Record<string, Tensor>>
}

/**
 * Runs the model over all samples and sums what is collected; each key once. Throws `bad-data` naming a value that is
 * not finite, `cancelled` between runs, and what running throws.
 */
export async function collectSums(
  model: Model,
  wanted: readonly Collected[],
  { samples, threads }: { samples: SampleSet; threads: number },
  context: TaskContext,
): Promise<Sums> {
  const cut = (session: Session): Runs => {
    const batches = batchesOf(samples, session.inputs)
    return { batches, feeds: async run => (await samples.dataset.batch(batches[run] ?? [])).feeds }
  }
  return sumOver(model, wanted, cut, threads, context)
}

/** As `collectSums`, over runs that are cut already or as the session of the model says. */
export async function sumOver(
  model: Model,
  wanted: readonly Collected[],
  runs: Runs | ((session: Session) => Runs),
  threads: number,
  context: TaskContext,
): Promise<Sums> {
  const unique = [...new Map(wanted.map(w => [w.key, w])).values()]
  const sums = new Map<string, Float64Array>()
  if (unique.length === 0) return { sums, samples: 0 }
  const session = await openCollecting(model, unique, threads)
  try {
    const { batches, feeds } = typeof runs === 'function' ? runs(session) : runs
    for (const [run, batch] of batches.entries()) {
      await breathe(context)
      const results = await session.run(await feeds(run))
      unique.forEach(({ key, from }, i) => {
        const row = results[outputName(i)]
        if (!row) throw new BantamError('internal', `Nothing came back for ${key}.`)
        sums.set(key, added(sums.get(key), toNumbers(row), from, batch))
      })
      context.progress((run + 1) / batches.length, 'Measuring activations on samples')
    }
    return { sums, samples: batches.reduce((sum, batch) => sum + batch.length, 0) }
  } finally {
    await session.close()
  }
}

const outputName = (i: number) => `bantam/collected${i}`

async function openCollecting(model: Model, wanted: readonly Collected[], threads: number): Promise<Session> {
  const copy = copyModel(model)
  const { graph } = copy
  graph.proto.output = wanted.map((_, i) => create(ValueInfoProtoSchema, { name: outputName(i) }))
  wanted.forEach((collected, i) => {
    collected.build(graph, copy.opset(), outputName(i))
  })
  const { model: live } = await removeDead.run(copy)
  return openSession(serialize(live), { threads }, model.directory ?? undefined)
}

function added(
  sums: Float64Array | undefined,
  row: ArrayLike<number>,
  from: string,
  batch: Uint32Array,
): Float64Array {
  const into = sums ?? new Float64Array(row.length)
  for (let i = 0; i < into.length; i++) {
    const value = row[i] ?? 0
    if (!Number.isFinite(value))
      throw new BantamError('bad-data', `The value ${from} is not finite on the samples.`, {
        where: `samples ${batch[0]} to ${batch.at(-1)}`,
        action: 'Check these samples and their preprocessing.',
      })
    into[i] = (into[i] ?? 0) + value
  }
  return into
}

/** A value in float32. */
export function asFloat(graph: Graph, value: string): string {
  const name = graph.freshName('bantam/float')
  graph.add(makeNode('Cast', [value], [name], { to: 1n }))
  return name
}

/** A value reshaped to [−1, width]. */
export function asRows(graph: Graph, value: string, width: number): string {
  const [shape, name] = [graph.freshName('bantam/shape'), graph.freshName('bantam/rows')]
  graph.setInitializer(makeTensor(shape, 'int64', [2], [-1n, BigInt(width)]))
  graph.add(makeNode('Reshape', [value, shape], [name]))
  return name
}

/** Σ x² over axes that then are gone; from operator set 18 on the axes are an input. */
export function sumSquares(
  graph: Graph,
  opset: number,
  from: string,
  to: string,
  axes: readonly number[],
): void {
  const list = axes.map(BigInt)
  if (opset < 18) {
    graph.add(makeNode('ReduceSumSquare', [from], [to], { keepdims: 0n, axes: list }))
    return
  }
  const name = graph.freshName('bantam/axes')
  graph.setInitializer(makeTensor(name, 'int64', [list.length], list))
  graph.add(makeNode('ReduceSumSquare', [from, name], [to], { keepdims: 0n }))
}
