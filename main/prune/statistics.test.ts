import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../shared/domain'
import type { Dataset } from '../data/dataset'
import { openDataset } from '../data/open'
import { Random } from '../data/random'
import { sampleDescription, sampleModelPath } from '../data/source'
import { narrowings } from '../distill/student-widths'
import { memoryDataset, testContext } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import { toNumbers } from '../runtime/tensor'
import { findStructure } from '../structure/groups'
import { keptChannels, sliceGroups } from '../structure/slice'
import { fixturePath } from '../structure/testing'
import type { SampleSet } from '../technique'
import { reestimate } from './statistics'
import { observed, place } from './statistics/observe'
import { findSites } from './statistics/sites'

const context = testContext(tmpdir())
let digits: Dataset
let teacher: Model

beforeAll(async () => {
  const spec = { ...sampleDescription('digits').spec, source: 'sample:digits' }
  const inputs: TensorInfo[] = [{ name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }]
  digits = await openDataset(DatasetSpec.parse(spec), inputs)
  teacher = await readModel(sampleModelPath('digits'))
})
afterAll(() => digits.close())

type Moments = Map<string, { mean: Float64Array; variance: Float64Array }>

/** Mean and variance of what every layer and normalization gives, over the samples in one batch. */
async function momentsOf(model: Model, { dataset, indices }: SampleSet): Promise<Moments> {
  const sites = findSites(model).map(site => ({
    ...site,
    value: site.kind === 'layer' ? site.value : (site.node.output[0] ?? ''),
  }))
  const session = await openSession(serialize(observed(model, sites)), { threads: 1 })
  const results = await session.run((await dataset.batch(indices)).feeds)
  await session.close()
  const read = (name: string) => {
    const tensor = results[name]
    return Float64Array.from(tensor ? toNumbers(tensor) : [])
  }
  return new Map(
    sites.map((site, i) => [site.value, { mean: read(place(i).mean), variance: read(place(i).variance) }]),
  )
}

/** By value: √(Σ (mean − the original's)² / Σ the original's variance) over the channels that are left. */
function shifts(own: Moments, original: Moments, kept: (value: string) => Uint32Array | null): number[] {
  return [...own].map(([value, { mean }]) => {
    const other = original.get(value)
    const channels = kept(value) ?? Uint32Array.from(mean.keys())
    let [gaps, total] = [0, 0]
    channels.forEach((at, i) => {
      gaps += ((mean[i] ?? 0) - (other?.mean[at] ?? 0)) ** 2
      total += other?.variance[at] ?? 0
    })
    return Math.sqrt(gaps / total)
  })
}

async function accuracy(model: Model, dataset: Dataset, count: number): Promise<number> {
  const { feeds, labels } = await dataset.batch(dataset.indices('test').slice(0, count))
  const session = await openSession(serialize(model), { threads: 1 })
  const [answer] = Object.values(await session.run(feeds))
  await session.close()
  const values = answer ? toNumbers(answer) : []
  const right = Array.from({ length: count }, (_, i) => {
    const row = Array.from(values.slice(10 * i, 10 * i + 10))
    return row.indexOf(Math.max(...row)) === labels?.[i] ? 1 : 0
  })
  return right.reduce<number>((sum, hit) => sum + hit, 0) / count
}

async function cut(model: Model, ratio: number) {
  const structure = await findStructure(model)
  const keep = new Map(narrowings(structure, ratio).map(({ group, keep: stays }) => [group.id, stays]))
  return { pruned: sliceGroups(structure, keep), kept: keptChannels(structure, keep) }
}

/** The same function with a normalization behind every convolution, its statistics those of the samples. */
async function unfolded(model: Model, samples: SampleSet): Promise<Model> {
  const moments = await momentsOf(model, samples)
  const copy = copyModel(model)
  const { graph } = copy
  for (const node of graph.nodes.filter(n => n.opType === 'Conv')) {
    const value = node.output[0] ?? ''
    const known = moments.get(value)
    if (!known) continue
    const raw = graph.freshName(`${value}/raw`)
    graph.setOutput(node, 0, raw)
    const variance = known.variance.map(v => v + 1e-3)
    const parts = {
      scale: variance.map(v => Math.sqrt(v + 1e-5)),
      shift: known.mean,
      mean: known.mean,
      variance,
    }
    const inputs = Object.entries(parts).map(([part, values]) => {
      const name = graph.freshName(`${value}/${part}`)
      graph.setInitializer(makeTensor(name, 'float32', [values.length], Float32Array.from(values)))
      return name
    })
    graph.add(makeNode('BatchNormalization', [raw, ...inputs], [value]))
  }
  graph.sort()
  return copy
}

describe('statistics estimated anew', () => {
  it.each(['folded', 'unfolded'])(
    'bring back a CNN with %s normalization and 40 % fewer channels',
    async kind => {
      const samples = { dataset: digits, indices: digits.indices('train').slice(0, 256) }
      const original = kind === 'folded' ? teacher : await unfolded(teacher, samples)
      const { pruned, kept } = await cut(original, 0.6)
      const before = bytesOf(pruned)
      const result = await reestimate({ pruned, original, samples, threads: 1, kept }, context)
      checkModel(result)
      expect(bytesOf(pruned)).toBe(before)
      expect(result.graph.nodes.length).toBe(pruned.graph.nodes.length)
      const moments = await momentsOf(original, samples)
      const broken = shifts(await momentsOf(pruned, samples), moments, kept)
      const mended = shifts(await momentsOf(result, samples), moments, kept)
      // The first layer reads the samples themselves: nothing of what it is given went.
      expect(Math.min(...broken.slice(1))).toBeGreaterThan(0.1)
      broken.forEach((shift, i) => void expect(mended[i]).toBeLessThan(Math.max(1e-3, 0.1 * shift)))
      const [lost, back] = [await accuracy(pruned, digits, 500), await accuracy(result, digits, 500)]
      expect(back).toBeGreaterThan(lost + 0.02)
      expect(back).toBeGreaterThan(0.96)
      const again = await reestimate({ pruned, original, samples, threads: 1, kept }, context)
      expect(bytesOf(again)).toBe(bytesOf(result))
    },
  )

  it('adds biases to the dense layers of a transformer, only where they are needed', async () => {
    const original = await readModel(fixturePath('vit.dynamo.onnx'))
    const { pruned, kept } = await cut(original, 0.5)
    const samples = pictures(original)
    const result = await reestimate({ pruned, original, samples, threads: 1, kept }, context)
    checkModel(result)
    const moments = await momentsOf(original, samples)
    const broken = shifts(await momentsOf(pruned, samples), moments, kept)
    const mended = shifts(await momentsOf(result, samples), moments, kept)
    const mean = (list: number[]) => list.reduce((sum, x) => sum + x, 0) / list.length
    expect(mean(broken)).toBeGreaterThan(0.1)
    expect(mean(mended)).toBeLessThan(0.1 * mean(broken))
  })

  it('gives a MatMul a bias behind it, and leaves a model alone that needs nothing', async () => {
    const { original, pruned, samples } = products()
    const result = await reestimate({ pruned, original, samples, threads: 1 }, context)
    checkModel(result)
    expect(result.graph.nodes.map(node => node.opType)).toEqual(['MatMul', 'Add'])
    expect(result.graph.outputNames).toEqual(['y'])
    const moments = await momentsOf(original, samples)
    expect(shifts(await momentsOf(result, samples), moments, () => null)[0]).toBeLessThan(1e-5)
    const same = await reestimate({ pruned: original, original, samples, threads: 1 }, context)
    expect(bytesOf(same)).toBe(bytesOf(original))
  })

  it('runs a model that takes one sample at a time', async () => {
    const { original, pruned, samples } = products(1)
    const result = await reestimate({ pruned, original, samples, threads: 1 }, context)
    const bias = result.graph.nodes.at(-1)?.input[1] ?? ''
    const { original: many, pruned: other } = products()
    const wide = await reestimate({ pruned: other, original: many, samples, threads: 1 }, context)
    const values = (model: Model) => model.graph.initializer(bias)?.rawData ?? new Uint8Array()
    const [a, b] = [
      new Float32Array(values(result).slice().buffer),
      new Float32Array(values(wide).slice().buffer),
    ]
    expect(a.length).toBe(4)
    a.forEach((x, i) => void expect(x).toBeCloseTo(b[i] ?? 0, 5))
  })

  it('returns a model without such layers, or without shared ones, and says why', async () => {
    const lines: string[] = []
    const told = { ...context, log: (line: string) => void lines.push(line) }
    const { original, samples } = products()
    const relu = makeModel({
      nodes: [makeNode('Relu', ['x'], ['y'])],
      inputs: [makeValue('x', 'float32', ['N', 4])],
      outputs: [makeValue('y', 'float32', ['N', 4])],
    })
    expect(await reestimate({ pruned: relu, original: relu, samples, threads: 1 }, told)).toBe(relu)
    expect(await reestimate({ pruned: original, original: relu, samples, threads: 1 }, told)).toBe(original)
    expect(lines).toEqual([
      'Statistics were left as they are: it has no normalization, convolution or dense layer with float32 weights.',
      'Statistics were left as they are: none of its layers is one of the original.',
    ])
  })

  it('refuses to estimate from nothing', async () => {
    const { original, pruned, samples } = products()
    const none = { ...samples, indices: new Uint32Array() }
    await expect(reestimate({ pruned, original, samples: none, threads: 1 }, context)).rejects.toThrow(
      'Statistics cannot be estimated: there are no samples.',
    )
  })
})

function bytesOf(model: Model): string {
  return createHash('sha256').update(serialize(model)).digest('hex')
}

function pictures(model: Model): SampleSet {
  const random = new Random(4)
  const name = model.graph.inputNames[0] ?? ''
  const values = Float32Array.from({ length: 64 * 3 * 8 * 8 }, () => 2 * random.unit() - 0.5)
  const dataset = memoryDataset({ inputs: { [name]: { shape: [3, 8, 8], values } } })
  return { dataset, indices: dataset.indices('all') }
}

/** One MatMul of 4 channels, and the same with a weight that went. */
function products(batch: number | string = 'N') {
  const random = new Random(9)
  const weight = Float32Array.from({ length: 16 }, () => random.unit())
  const net = (values: Float32Array) =>
    makeModel({
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'], {}, { name: 'dense' })],
      inputs: [makeValue('x', 'float32', [batch, 4])],
      outputs: [makeValue('y', 'float32', [batch, 4])],
      initializers: [makeTensor('w', 'float32', [4, 4], values)],
    })
  const values = Float32Array.from({ length: 4 * 40 }, () => random.unit())
  const dataset = memoryDataset({ inputs: { x: { shape: [4], values } } })
  const samples: SampleSet = { dataset, indices: dataset.indices('all') }
  return { original: net(weight), pruned: net(weight.map((w, i) => (i < 4 ? 0 : w))), samples }
}
