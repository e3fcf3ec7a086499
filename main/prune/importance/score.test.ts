import { afterAll, describe, expect, it } from 'vitest'
import { IMPORTANCES, type Importance } from '../../../shared/prune'
import type { Dataset } from '../../data/dataset'
import { Random } from '../../data/random'
import { memoryDataset } from '../../measure/testing'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { readModel } from '../../onnx/read'
import { makeTensor, tensorDims, tensorValues } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { openSession } from '../../runtime/session'
import { elementCount, toNumbers } from '../../runtime/tensor'
import { type ChannelGroup, findStructure, type Structure } from '../../structure/groups'
import { sliceGroups } from '../../structure/slice'
import { fixturePath, idle } from '../../structure/testing'
import { trainingContext } from '../../training/testing'
import { needsSamples, normalizeScores, type Scores, scoreChannels, scoredBy } from './score'

const logged: string[] = []
const made = trainingContext()
const context = { ...made.context, log: (line: string) => logged.push(line) }
afterAll(made.clean)

const draw = (random: Random, count: number) =>
  Float32Array.from({ length: count }, () => 2 * random.unit() - 1)

/** Random samples of the shapes that the structure was sized at. */
function dataFor(structure: Structure, count = 8, labels?: number[]): Dataset {
  const random = new Random(9)
  const inputs = modelInputs(structure.model).map(({ name }) => {
    const shape = (structure.sized.inputs.get(name) ?? []).slice(1)
    return [name, { shape, values: draw(random, count * elementCount(shape)) }] as const
  })
  const task = labels ? { labels, task: 'classification' as const, classes: ['a', 'b', 'c'] } : {}
  return memoryDataset({ inputs: Object.fromEntries(inputs), ...task })
}

const free = ({ groups }: Structure) => groups.filter(group => group.declined.length === 0)

function score(
  structure: Structure,
  importance: Importance,
  o: { dataset?: Dataset; groups?: readonly ChannelGroup[]; seed?: number } = {},
): Promise<Scores> {
  const { dataset, groups = free(structure), seed = 1 } = o
  const samples = dataset && { dataset, indices: dataset.indices('all') }
  return scoreChannels({ structure, groups, importance, samples, seed, threads: 1 }, context)
}

/** The model with its last channel of every group without effect. */
function lastIdle(structure: Structure): Structure {
  const most = (size: number) => Uint32Array.from({ length: size - 1 }, (_, i) => i)
  return idle(structure, new Map(free(structure).map(g => [g.id, most(g.size)])))
}

/** x [n, 3] → convolution-like stack: dense 5, Relu, dense 4, dense `width` out; all seeded. */
function denseNet(o: { relu: boolean; width?: number }): Model {
  const random = new Random(4)
  const { width = 3 } = o
  const weight = (name: string, ...dims: number[]) =>
    makeTensor(name, 'float32', dims, draw(random, elementCount(dims)))
  return makeModel({
    nodes: [
      makeNode('Gemm', ['x', 'a', 'ab'], ['h'], {}, { name: 'first' }),
      makeNode(o.relu ? 'Relu' : 'Identity', ['h'], ['r']),
      makeNode('Gemm', ['r', 'b', 'bb'], ['y'], {}, { name: 'last' }),
    ],
    inputs: [makeValue('x', 'float32', ['n', 3])],
    outputs: [makeValue('y', 'float32', ['n', width])],
    initializers: [weight('a', 3, 5), weight('ab', 5), weight('b', 5, width), weight('bb', width)],
  })
}

describe('importance of weights', () => {
  it.each(['l1', 'l2'] as const)('%s does not care how scale is shared between layers', async importance => {
    const source = denseNet({ relu: true })
    const scaled = copyModel(source)
    for (const [name, by] of [
      ['a', 8],
      ['b', 1 / 8],
    ] as const) {
      const tensor = source.graph.initializer(name)
      if (!tensor) throw new Error(`no ${name}`)
      const values = Float32Array.from(toNumbers(tensorValues(tensor, null)), value => value * by)
      scaled.graph.setInitializer(makeTensor(name, 'float32', tensorDims(tensor), values))
    }
    const [plain, other] = [
      await score(await findStructure(source), importance),
      await score(await findStructure(scaled), importance),
    ]
    for (const [i, value] of (plain.get('a[1]') ?? []).entries())
      expect(other.get('a[1]')?.[i]).toBeCloseTo(value, 9)
  })

  it('l1 sums sizes, l2 squares, over what makes a channel and what reads it', async () => {
    const structure = await findStructure(
      makeModel({
        nodes: [makeNode('MatMul', ['x', 'a'], ['h']), makeNode('MatMul', ['h', 'b'], ['y'])],
        inputs: [makeValue('x', 'float32', ['n', 2])],
        outputs: [makeValue('y', 'float32', ['n', 1])],
        initializers: [
          makeTensor('a', 'float32', [2, 2], [3, -1, 4, 2]),
          makeTensor('b', 'float32', [2, 1], [-12, 2]),
        ],
      }),
    )
    expect(await score(structure, 'l1')).toEqual(
      new Map([['a[1]', Float64Array.of(7 / 5 + 12 / 7, 3 / 5 + 2 / 7)]]),
    )
    expect(await score(structure, 'l2')).toEqual(
      new Map([['a[1]', Float64Array.of(25 / 15 + 144 / 74, 5 / 15 + 4 / 74).map(Math.sqrt)]]),
    )
  })

  it('bn-scale is the scale of the normalization; groups without one go by l2 and say so', async () => {
    const structure = await findStructure(await readModel(fixturePath('vit.dynamo.onnx')))
    const scores = await score(structure, 'bn-scale')
    const l2 = await score(structure, 'l2')
    const by = free(structure).map(group => scoredBy(structure, group, 'bn-scale'))
    expect(new Set(by)).toEqual(new Set(['bn-scale', 'l2']))
    free(structure).forEach((group, i) => {
      if (by[i] === 'l2') expect(scores.get(group.id)).toEqual(l2.get(group.id))
      else expect(scores.get(group.id)).not.toEqual(l2.get(group.id))
    })
    const plain = free(structure)[by.indexOf('l2')]
    expect(logged).toContain(`${plain?.id} meets no normalization: its channels are ranked by l2.`)
    const lenet = await findStructure(await readModel(fixturePath('lenet.torchscript.onnx')))
    await expect(score(lenet, 'bn-scale')).rejects.toThrow(
      'No group of channels meets a normalization with a scale per channel.',
    )
  })

  it('random follows from the seed and the group alone', async () => {
    const structure = await findStructure(denseNet({ relu: true }))
    const [group] = free(structure)
    const one = await score(structure, 'random', { seed: 3 })
    expect(await score(structure, 'random', { seed: 3, groups: group ? [group] : [] })).toEqual(one)
    expect(await score(structure, 'random', { seed: 4 })).not.toEqual(one)
  })

  it('refuses weights that are not finite, by name', async () => {
    const model = copyModel(denseNet({ relu: true }))
    const values = new Float32Array(15).fill(1)
    values[2] = Number.NaN
    model.graph.setInitializer(makeTensor('a', 'float32', [3, 5], values))
    const structure = await findStructure(model)
    await expect(score(structure, 'l2')).rejects.toThrow('The weight a holds NaN at position 2.')
  })
})

describe('importance on samples', () => {
  it('is least for channels of zeros, by every measure, in convolutions, residuals, attention and recurrence', {
    timeout: 60_000,
  }, async () => {
    for (const fixture of ['resnet.torchscript', 'vit.dynamo', 'lstm.dynamo']) {
      const structure = lastIdle(await findStructure(await readModel(fixturePath(`${fixture}.onnx`))))
      const dataset = dataFor(structure, 2)
      for (const importance of IMPORTANCES) {
        const nothing = importance === 'bn-scale' && !fixture.startsWith('vit')
        // Fisher differs from taylor in the last step alone.
        const same = importance === 'fisher' && !fixture.startsWith('resnet')
        if (importance === 'random' || nothing || same) continue
        const scores = await score(structure, importance, { dataset })
        for (const { id, size } of free(structure)) {
          const values = scores.get(id) ?? new Float64Array()
          const where = `${fixture} ${importance} ${id}`
          expect([where, values.length, values[size - 1]]).toEqual([where, size, 0])
          expect([where, values.every(value => value >= 0)]).toEqual([where, true])
        }
      }
    }
  })

  it('activation is the mean size of what is read', async () => {
    const structure = await findStructure(denseNet({ relu: true }))
    const dataset = dataFor(structure, 40)
    const scores = await score(structure, 'activation', { dataset })
    const hidden = copyModel(structure.model)
    hidden.graph.proto.output = [makeValue('r', 'float32', ['n', 5])]
    const [r] = await run(hidden, dataset)
    const means = Array.from({ length: 5 }, (_, c) => mean(r.filter((_, i) => i % 5 === c).map(Math.abs)))
    means.forEach((value, c) => {
      expect(scores.get('a[1]')?.[c]).toBeCloseTo(value, 6)
    })
    const wanda = await score(structure, 'wanda', { dataset })
    const b = [...weight(structure, 'b')]
    for (let c = 0; c < 5; c++) {
      const norm = Math.sqrt(mean(r.filter((_, i) => i % 5 === c).map(v => v * v)))
      const size = b.slice(3 * c, 3 * c + 3).reduce((sum, v) => sum + Math.abs(v), 0)
      expect(wanda.get('a[1]')?.[c]).toBeCloseTo(size * norm, 5)
    }
  })

  it('wanda meets each part of a grouped convolution with its own channels', async () => {
    const random = new Random(8)
    const one = (name: string, ...dims: number[]) =>
      makeTensor(name, 'float32', [...dims, 1, 1], draw(random, elementCount(dims)))
    const structure = await findStructure(
      makeModel({
        nodes: [
          makeNode('Conv', ['x', 'a'], ['h']),
          makeNode('Conv', ['h', 'b'], ['g'], { group: 2n }),
          makeNode('Conv', ['g', 'c'], ['y']),
        ],
        inputs: [makeValue('x', 'float32', ['n', 3, 2, 2])],
        outputs: [makeValue('y', 'float32', ['n', 2, 2, 2])],
        initializers: [one('a', 6, 3), one('b', 4, 3), one('c', 2, 4)],
      }),
    )
    const dataset = dataFor(structure, 10)
    const hidden = copyModel(structure.model)
    hidden.graph.proto.output = [makeValue('h', 'float32', ['n', 6, 2, 2])]
    const [h] = await run(hidden, dataset)
    const norm = (channel: number) =>
      Math.sqrt(h.reduce((sum, v, i) => (Math.floor(i / 4) % 6 === channel ? sum + v * v : sum), 0) / 10)
    const b = weight(structure, 'b')
    const scores = (await score(structure, 'wanda', { dataset })).get('a[0].1') ?? new Float64Array()
    expect(scores.length).toBe(3)
    scores.forEach((value, c) => {
      // Rows 0 and 1 are of the first part, 2 and 3 of the second.
      const expected = [0, 1, 2, 3].map(
        row => Math.abs(b[3 * row + c] ?? 0) * norm(3 * Math.floor(row / 2) + c),
      )
      expect(value).toBeCloseTo(
        expected.reduce((x, y) => x + y, 0),
        5,
      )
    })
  })

  it('taylor is the exact change of a loss that is linear in the channel', async () => {
    // One answer that is a number: the loss is the mean of its square, with slope 2y.
    const structure = await findStructure(denseNet({ relu: true, width: 1 }))
    const dataset = dataFor(structure, 16)
    const taylor = (await score(structure, 'taylor', { dataset })).get('a[1]') ?? new Float64Array()
    const fisher = (await score(structure, 'fisher', { dataset })).get('a[1]') ?? new Float64Array()
    const [whole] = await run(structure.model, dataset)
    for (let c = 0; c < 5; c++) {
      const keep = Uint32Array.from([0, 1, 2, 3, 4].filter(i => i !== c))
      const [less] = await run(sliceGroups(structure, new Map([['a[1]', keep]])), dataset)
      // Σ 2y·Δy is what the loss changes by but for Δy².
      const first = mean(whole.map((y, i) => 2 * y * (y - (less[i] ?? 0))))
      expect(taylor[c]).toBeCloseTo(Math.abs(first), 5)
      expect(fisher[c]).toBeCloseTo(first * first, 5)
    }
  })

  it('takes the loss of labels where there are any, of the chosen class where not', async () => {
    const structure = await findStructure(denseNet({ relu: true }))
    const [logits] = await run(structure.model, dataFor(structure, 16))
    const chosen = Array.from({ length: 16 }, (_, i) => {
      const row = [...logits.slice(3 * i, 3 * i + 3)]
      return row.indexOf(Math.max(...row))
    })
    const own = await score(structure, 'taylor', { dataset: dataFor(structure, 16) })
    const same = await score(structure, 'taylor', { dataset: dataFor(structure, 16, chosen) })
    const other = await score(structure, 'taylor', {
      dataset: dataFor(
        structure,
        16,
        chosen.map(c => (c + 1) % 3),
      ),
    })
    const values = own.get('a[1]') ?? []
    values.forEach((value, i) => {
      expect(same.get('a[1]')?.[i]).toBeCloseTo(value, 5)
    })
    expect(Math.max(...values.map((v, i) => Math.abs(v - (other.get('a[1]')?.[i] ?? 0))))).toBeGreaterThan(
      0.01,
    )
  })

  it('refuses to go without samples', async () => {
    const structure = await findStructure(denseNet({ relu: true }))
    for (const importance of IMPORTANCES.filter(name => name !== 'bn-scale')) {
      const result = score(structure, importance)
      if (needsSamples(importance))
        await expect(result).rejects.toThrow(
          `The importance ${importance} is measured on samples, and there are none.`,
        )
      else expect((await result).size).toBe(1)
    }
  })
})

it('normalizes within groups, and leaves zeros alone', () => {
  const scores: Scores = new Map([
    ['a', Float64Array.of(3, 4, 5)],
    ['b', Float64Array.of(0, 0)],
  ])
  const of = (how: Parameters<typeof normalizeScores>[1]) => [
    ...(normalizeScores(scores, how).get('a') ?? []),
  ]
  expect(of('mean')).toEqual([0.75, 1, 1.25])
  expect(of('max')).toEqual([0.6, 0.8, 1])
  expect(of('none')).toEqual([3, 4, 5])
  expect(of('l2')[1]).toBeCloseTo(4 / Math.sqrt(50), 12)
  expect(normalizeScores(scores, 'mean').get('b')).toEqual(Float64Array.of(0, 0))
})

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
}

function weight(structure: Structure, name: string): Float32Array {
  const tensor = structure.model.graph.initializer(name)
  if (!tensor) throw new Error(name)
  expect(tensorDims(tensor).length).toBeGreaterThan(0)
  return new Float32Array(tensor.rawData.slice().buffer)
}

/** Values of the outputs for all samples. */
async function run(model: Model, dataset: Dataset): Promise<[Float32Array]> {
  const session = await openSession(serialize(model), { threads: 1 })
  try {
    const { feeds } = await dataset.batch(dataset.indices('all'))
    const [first] = Object.values(await session.run(feeds))
    return [Float32Array.from(first?.data as Float32Array)]
  } finally {
    await session.close()
  }
}
