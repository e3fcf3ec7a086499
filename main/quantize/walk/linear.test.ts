/** Methods that take layer after layer run every node once for each run of samples, however deep the network is. */
import { fromBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { expect, test, vi } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import type { SessionOptions } from '../../runtime/session'
import type { SampleSet } from '../../technique'
import { Int4Options } from '../blocks/options'
import { StaticOptions } from '../static/options'
import { staticInt8 } from '../static-int8'
import { arrayDataset, normals, testContext } from '../testing'
import { weightInt4 } from '../weight-int4'

const executed = vi.hoisted(() => ({ layers: 0 }))

/** Counts the layers that run, in whatever form, whenever a session over a model with Tanh runs. */
vi.mock('../../runtime/session', async original => {
  const real = await original<typeof import('../../runtime/session')>()
  return {
    ...real,
    async openSession(source: string | Uint8Array, options?: SessionOptions, directory?: string) {
      const session = await real.openSession(source, options, directory)
      const nodes = typeof source === 'string' ? [] : (fromBinary(ModelProtoSchema, source).graph?.node ?? [])
      const layers = nodes.filter(node => node.opType === 'Tanh').length
      const run: typeof session.run = (feeds, fetches) => {
        executed.layers += layers
        return session.run(feeds, fetches)
      }
      return Object.assign(Object.create(session), { run })
    },
  }
})

const [C, COUNT] = [32, 20]

function network(depth: number): Model {
  const at = (i: number) => (i === 0 ? 'x' : `h${i}`)
  return makeModel({
    opset: 17,
    inputs: [makeValue('x', 'float32', ['n', C])],
    outputs: [makeValue('y', 'float32', ['n', C])],
    nodes: [
      ...Array.from({ length: depth }, (_, i) => [
        makeNode('MatMul', [at(i), `w${i}`], [`m${i}`]),
        makeNode('Tanh', [`m${i}`], [at(i + 1)]),
      ]).flat(),
      makeNode('Identity', [at(depth)], ['y']),
    ],
    initializers: Array.from({ length: depth }, (_, i) =>
      makeTensor(`w${i}`, 'float32', [C, C], normals(C * C, i + 1, 0.2)),
    ),
  })
}

function samples(): SampleSet {
  const dataset = arrayDataset({ x: { dims: [COUNT, C], data: normals(COUNT * C, 99) } })
  return { dataset, indices: dataset.indices('all') }
}

/** Runs of Tanh in all sessions. */
async function layersRun(
  depth: number,
  work: (model: Model, set: SampleSet) => Promise<void>,
): Promise<number> {
  executed.layers = 0
  await work(network(depth), samples())
  return executed.layers
}

test.each<[string, Partial<Int4Options>]>([
  ['gptq', { rounding: 'gptq' }],
  ['gptq at once', { rounding: 'gptq', sequential: false }],
  ['awq', { scaling: 'awq' }],
])('%s runs every layer once', async (_, options) => {
  const work = async (model: Model, set: SampleSet) => {
    const input = { model, calibration: set, training: set, seed: 0, threads: 1 }
    const plan = await weightInt4.plan(
      input,
      Int4Options.parse({ samples: COUNT, ...options }),
      testContext(),
    )
    const context = testContext()
    await weightInt4.apply(model, plan, {
      training: set,
      threads: 1,
      device: 'cpu',
      context,
      record: () => {},
    })
  }
  // What the last layer gives is read by none.
  for (const depth of [4, 12]) expect(await layersRun(depth, work)).toBe(depth - 1)
})

test('learned rounding and bias correction run as many layers more as the network has more', async () => {
  const work = async (model: Model, set: SampleSet) => {
    const options = StaticOptions.parse({ rounding: 'adaround', roundingSteps: 1, biasCorrection: 'samples' })
    await staticInt8.plan({ model, calibration: set, seed: 0, threads: 1 }, options, testContext())
  }
  const [few, more, most] = [await layersRun(2, work), await layersRun(4, work), await layersRun(8, work)]
  expect(most - more).toBe(2 * (more - few))
})
