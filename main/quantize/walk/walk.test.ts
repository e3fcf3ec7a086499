import { readdirSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { cut } from '../../onnx/cut'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import type { Tensor } from '../../runtime/tensor'
import { arrayDataset, normals, run, testContext } from '../testing'
import { mostSamples } from './runs'
import { heldAt } from './stops'
import { Walk } from './walk'

const disk = vi.hoisted(() => ({ full: false }))
vi.mock('node:fs/promises', async original => {
  const real = await original<typeof import('node:fs/promises')>()
  return {
    ...real,
    async open(...about: Parameters<typeof real.open>) {
      const file = await real.open(...about)
      if (disk.full) file.write = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
      return file
    },
  }
})

const W = 8
const COUNT = 5

/** x → a → b, whose sum with x goes on to c; d reads the constant that a dequantized weight is. */
function network(scale = 1): Model {
  return makeModel({
    opset: 17,
    inputs: [makeValue('x', 'float32', ['n', W])],
    outputs: [makeValue('y', 'float32', ['n', W])],
    nodes: [
      makeNode('MatMul', ['x', 'w1'], ['a']),
      makeNode('Relu', ['a'], ['r']),
      makeNode('MatMul', ['r', 'w2'], ['b']),
      makeNode('Add', ['b', 'x'], ['s']),
      makeNode('Mul', ['w3', 'half'], ['w']),
      makeNode('MatMul', ['s', 'w'], ['c']),
      makeNode('Tanh', ['c'], ['y']),
    ],
    initializers: [
      ...[1, 2, 3].map(i => makeTensor(`w${i}`, 'float32', [W, W], normals(W * W, i, i === 1 ? scale : 1))),
      makeTensor('half', 'float32', [], [0.5]),
    ],
  })
}

const data = normals(COUNT * W, 9)
const dataset = arrayDataset({ x: { dims: [COUNT, W], data } })
const runs = [Uint32Array.of(0, 1), Uint32Array.of(2, 3), Uint32Array.of(4)]
const stops = [
  { values: ['x'], changes: ['a'] },
  { values: ['r'], changes: ['b'] },
  { values: ['s'], changes: ['c'] },
]

async function expected(model: Model, name: string): Promise<Float32Array> {
  const x: Tensor = { type: 'float32', dims: [COUNT, W], data }
  return (await run(cut(model, [], [name]), { x }))[name]?.data as Float32Array
}

async function valuesAt(walk: Walk, name: string): Promise<number[]> {
  const parts = await Promise.all(runs.map(async (_, i) => (await walk.value(i, name)).data as Float32Array))
  return parts.flatMap(part => [...part])
}

describe('a walk', () => {
  test('keeps what is read later, and makes constants again', async () => {
    expect(await heldAt(network(), stops)).toEqual([
      { kept: ['x'], shown: [] },
      { kept: ['x', 'r'], shown: [] },
      { kept: ['s'], shown: [] },
    ])
  })

  test('shows what depends on changes to come, but does not go on from it', async () => {
    // Both are looked at before a is changed: r is stale afterwards.
    const both = [
      { values: ['x', 'r'], changes: ['a'] },
      { values: ['s'], changes: [] },
    ]
    expect(await heldAt(network(), both)).toEqual([
      { kept: ['x'], shown: ['r'] },
      { kept: ['s'], shown: [] },
    ])
  })

  test.each([
    ['memory', undefined],
    ['a file', 0],
  ])('goes on from what changed layers give, with values in %s', async (_, bound) => {
    const model = network()
    const context = testContext()
    const walk = await Walk.begin(
      { model, dataset, runs, threads: 1, ...(bound === undefined ? {} : { bound }) },
      stops,
      context,
    )
    try {
      await walk.next(context)
      expect(await valuesAt(walk, 'x')).toEqual([...data])
      model.graph.setInitializer(makeTensor('w1', 'float32', [W, W], normals(W * W, 1, 3)))
      for (const name of ['r', 's']) {
        await walk.next(context)
        const [found, wanted] = [await valuesAt(walk, name), await expected(network(3), name)]
        for (const [i, value] of found.entries()) expect(value).toBeCloseTo(wanted[i] as number, 4)
      }
      expect(walk.edges(['s'])).toEqual([{ name: 's', type: 'float32', shape: ['s axis 0', W] }])
      await expect(walk.value(0, 'x')).rejects.toThrow('A value is not there at this stop.')
      // The file has no name: nothing is left of it when the process is killed.
      if (process.platform !== 'win32') expect(readdirSync(context.tempDir)).toEqual([])
    } finally {
      await walk.close()
    }
    expect(readdirSync(context.tempDir)).toEqual([])
  })

  test('says when the disk is full', async () => {
    const context = testContext()
    const walk = await Walk.begin({ model: network(), dataset, runs, threads: 1, bound: 0 }, stops, context)
    disk.full = true
    try {
      await expect(walk.next(context)).rejects.toMatchObject({ code: 'no-space' })
    } finally {
      disk.full = false
      await walk.close()
    }
    expect(readdirSync(context.tempDir)).toEqual([])
  })

  test('stops between runs when it is cancelled', async () => {
    const context = testContext()
    const walk = await Walk.begin({ model: network(), dataset, runs, threads: 1 }, stops, context)
    context.cancel()
    await expect(walk.next(context)).rejects.toMatchObject({ code: 'cancelled' })
    await walk.close()
  })
})

test('as many samples run at once as there is room for their largest value', async () => {
  const scores = () =>
    makeModel({
      opset: 17,
      inputs: [makeValue('q', 'float32', ['n', 'tokens', W])],
      outputs: [makeValue('s', 'float32', ['n', 'tokens', 'tokens'])],
      nodes: [
        makeNode('Transpose', ['q'], ['k'], { perm: [0n, 2n, 1n] }),
        makeNode('MatMul', ['q', 'k'], ['s']),
      ],
      initializers: [],
    })
  const of = (tokens: number) =>
    mostSamples(scores(), arrayDataset({ q: { dims: [2, tokens, W], data: new Float32Array(2) } }))
  expect(await of(1024)).toBe(64)
  expect(await of(4096)).toBe(4)
  expect(await of(16384)).toBe(1)
})
