import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { type ChannelGroup, findGroups } from './groups'
import { fixturePath } from './testing'

type Shape = readonly number[]

function weight(name: string, dims: Shape) {
  const count = dims.reduce((all, d) => all * d, 1)
  return makeTensor(
    name,
    'float32',
    dims,
    Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1)),
  )
}

function model(nodes: Parameters<typeof makeModel>[0]['nodes'], weights: Record<string, Shape>): Model {
  return makeModel({
    nodes,
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', null)],
    initializers: [
      ...Object.entries(weights).map(([name, dims]) => weight(name, dims)),
      makeTensor('flat', 'int64', [2], [0n, -1n]),
      makeTensor('halves', 'int64', [2], [4n, 4n]),
    ],
  })
}

function byId(groups: readonly ChannelGroup[]): Record<string, ChannelGroup> {
  return Object.fromEntries(groups.map(group => [group.id, group]))
}

const same = { pads: [1n, 1n, 1n, 1n] }

describe('groups of channels', () => {
  it('ties what a residual adds, with norms and every reader', async () => {
    const groups = byId(
      await findGroups(
        model(
          [
            makeNode('Conv', ['x', 'w0'], ['a'], same, { name: 'stem' }),
            makeNode('BatchNormalization', ['a', 's', 'b', 'm', 'v'], ['n']),
            makeNode('Conv', ['n', 'w1'], ['c'], same, { name: 'one' }),
            makeNode('Relu', ['c'], ['r']),
            makeNode('Conv', ['r', 'w2'], ['d'], same, { name: 'two' }),
            makeNode('Add', ['n', 'd'], ['e']),
            makeNode('Conv', ['e', 'w3'], ['y'], same, { name: 'last' }),
          ],
          {
            w0: [8, 3, 3, 3],
            ...{ s: [8], b: [8], m: [8], v: [8] },
            ...{ w1: [6, 8, 3, 3], w2: [8, 6, 3, 3], w3: [4, 8, 3, 3] },
          },
        ),
      ),
    )
    expect(Object.keys(groups)).toEqual(['w0[0]', 'w0[1]', 'w1[0]', 'w3[0]'])
    const stream = groups['w0[0]']
    expect(stream?.weights.map(w => `${w.name} ${w.axis}`)).toEqual([
      ...['w0 0', 's 0', 'b 0', 'm 0', 'v 0', 'w1 1', 'w2 0', 'w3 1'],
    ])
    expect(stream?.producers).toEqual(['Conv stem', 'Conv two'])
    expect(stream?.declined).toEqual([])
    expect(groups['w0[1]']?.declined).toEqual([{ message: 'It reaches the input x.' }])
    expect(groups['w3[0]']?.declined).toEqual([{ message: 'It reaches the output y.' }])
  })

  it('knows where the parts of a concatenation lie, also behind a Flatten', async () => {
    const groups = byId(
      await findGroups(
        model(
          [
            makeNode('Conv', ['x', 'w0'], ['a'], same),
            makeNode('Conv', ['x', 'w1'], ['b'], same),
            makeNode('Concat', ['a', 'b'], ['c'], { axis: 1n }),
            makeNode('GlobalMaxPool', ['c'], ['p']),
            makeNode('MaxPool', ['c'], ['q'], { kernel_shape: [4n, 4n], strides: [4n, 4n] }),
            makeNode('Reshape', ['q', 'flat'], ['f']),
            makeNode('Gemm', ['f', 'w2'], ['g']),
            makeNode('Flatten', ['p'], ['h']),
            makeNode('Gemm', ['h', 'w3'], ['i']),
            makeNode('Add', ['g', 'i'], ['y']),
          ],
          { w0: [5, 3, 3, 3], w1: [7, 3, 3, 3], w2: [48, 4], w3: [12, 4] },
        ),
      ),
    )
    const places = (id: string) => groups[id]?.weights.map(w => [w.name, w.axis, w.places])
    expect(places('w1[0]')).toEqual([
      ['w1', 0, [{ offset: 0, block: 1, repeats: [] }]],
      // Four places of each of the five channels before it.
      ['w2', 0, [{ offset: 20, block: 4, repeats: [] }]],
      ['w3', 0, [{ offset: 5, block: 1, repeats: [] }]],
    ])
  })

  it('keeps the groups of a convolution and the channels within apart', async () => {
    const groups = byId(
      await findGroups(
        model(
          [
            makeNode('Conv', ['x', 'w0'], ['a'], same),
            makeNode('Conv', ['a', 'w1'], ['b'], { ...same, group: 4n }),
            makeNode('Conv', ['b', 'w2'], ['c'], { ...same, group: 8n }),
            makeNode('Conv', ['c', 'w3'], ['y'], same),
          ],
          { w0: [8, 3, 3, 3], w1: [8, 2, 3, 3], w2: [8, 1, 3, 3], w3: [4, 8, 3, 3] },
        ),
      ),
    )
    expect(Object.values(groups).map(g => [g.id, g.size, g.declined.length === 0, g.factors])).toEqual([
      ['w0[0]', 4, true, ['w0[0].1', 'w1[0]']],
      ['w0[0].1', 2, true, ['w0[0]']],
      ['w0[1]', 3, false, []],
      ['w1[0]', 2, true, ['w0[0]']],
      ['w3[0]', 4, false, []],
    ])
    expect(groups['w1[0]']?.weights.find(w => w.name === 'w3')?.places).toEqual([
      { offset: 0, block: 1, repeats: [{ count: 4, stride: 2 }] },
    ])
  })

  it('finds heads and their width in the projections of both exporters', async () => {
    for (const exporter of ['torchscript', 'dynamo']) {
      const groups = await findGroups(await readModel(fixturePath(`bert.${exporter}.onnx`)))
      const factors = groups.filter(group => group.factors.length > 0)
      // In each of three layers two heads, of width four in queries and keys, and of width four in values.
      expect(factors.map(group => [group.size, group.factors.length, group.declined.length])).toEqual(
        [1, 2, 3].flatMap(() => [
          [2, 2, 0],
          [4, 1, 0],
          [4, 1, 0],
        ]),
      )
      expect(factors[0]?.weights[0]?.places).toEqual([{ offset: 0, block: 4, repeats: [] }])
      expect(factors[1]?.weights[0]?.places).toEqual([
        { offset: 0, block: 1, repeats: [{ count: 2, stride: 4 }] },
      ])
      const stream = groups.find(group => group.counted.length > 0)
      expect(stream?.counted.some(node => node.startsWith('LayerNormalization'))).toBe(true)
    }
  })

  it('says which node stops a group', async () => {
    const unknown = await findGroups(
      model(
        [
          makeNode('Conv', ['x', 'w0'], ['a'], same),
          makeNode('NonZero', ['a'], ['z'], {}, { name: 'where' }),
          makeNode('Cast', ['z'], ['y'], { to: 1n }),
        ],
        { w0: [8, 3, 3, 3] },
      ),
    )
    expect(byId(unknown)['w0[0]']?.declined).toEqual([
      { message: 'There is no rule for the channels of NonZero.', node: 'NonZero where' },
    ])
    const picked = await findGroups(
      model(
        [
          makeNode('Conv', ['x', 'w0'], ['a'], same),
          makeNode('ArgMax', ['a'], ['z'], { axis: 1n }, { name: 'best' }),
          makeNode('Cast', ['z'], ['y'], { to: 1n }),
        ],
        { w0: [8, 3, 3, 3] },
      ),
    )
    expect(byId(picked)['w0[0]']?.declined).toEqual([
      { message: 'ArgMax gives numbers of channels.', node: 'ArgMax best' },
    ])
  })
})
