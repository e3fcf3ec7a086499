import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testContext } from '../measure/testing'
import type { Tensor } from '../runtime/tensor'
import { openSamples, type Samples } from './samples'
import { keepTargets, openTeachers, type TeacherValues } from './teacher'
import { spiral, spiralNet } from './testing'
import { inspectProblem } from './testing-errors'

const CPU = { device: 'cpu', threads: 1 } as const
const data = spiral(50)
const all = data.indices('all')
let folder: string
let samples: Samples
let opened: TeacherValues[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-teacher-'))
  samples = await openSamples(data, all, testContext(folder))
  opened = []
})
afterEach(async () => {
  for (const one of opened) await one.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(...args: Parameters<typeof openTeachers>): Promise<TeacherValues> {
  const teachers = await openTeachers(...args)
  opened.push(teachers)
  return teachers
}

const logits = { input: 't0', teacher: 0, value: 'logits' }
const ask = async (teachers: TeacherValues, indices: Uint32Array) =>
  teachers.targets((await samples.batch(indices)).feeds, indices)

const numbers = (tensor: Tensor | undefined) =>
  tensor?.data instanceof Float32Array ? tensor.data : Float32Array.of(Number.NaN)

/** The largest difference of two tensors. */
function farthest(a: Tensor | undefined, b: Tensor | undefined): number {
  const [x, y] = [numbers(a), numbers(b)]
  return Math.max(...x.map((v, i) => Math.abs(v - (y[i] ?? Number.NaN))))
}

describe('teachers', () => {
  it('give answers and values inside, each of several its own, without a change to their models', async () => {
    const [a, b] = [spiralNet(16, 1), spiralNet(8, 2)]
    const before = JSON.stringify(a.graph.outputNames)
    const targets = [
      logits,
      { input: 't1', teacher: 1, value: 'logits' },
      { input: 'f', teacher: 0, value: 'r1' },
    ]
    const both = await open([a, b], targets, CPU)
    const answers = await ask(both, Uint32Array.of(3, 4))
    expect(Object.entries(answers).map(([name, t]) => [name, t.dims])).toEqual([
      ['t0', [2, 3]],
      ['t1', [2, 3]],
      ['f', [2, 16]],
    ])
    expect(answers.t0?.data).not.toEqual(answers.t1?.data)
    expect(JSON.stringify(a.graph.outputNames)).toBe(before)
  })

  it('that take a fixed number of samples at a time are asked in pieces, the last one filled up', async () => {
    const [free, fixed] = [
      await open([spiralNet(16)], [logits], CPU),
      await open([spiralNet(16, 1, 4)], [logits], CPU),
    ]
    for (const count of [1, 3, 4, 8, 10]) {
      const [x, y] = [await ask(free, all.subarray(0, count)), await ask(fixed, all.subarray(0, count))]
      expect(y.t0?.dims).toEqual([count, 3])
      expect(farthest(y.t0, x.t0)).toBeLessThan(1e-5)
    }
  })

  it('are refused a value they do not have', async () => {
    expect(await inspectProblem(openTeachers([spiralNet()], [{ ...logits, value: 'nope' }], CPU))).toEqual({
      code: 'bad-option',
      message: 'The teacher has no value nope.',
      where: 'nope',
      action: 'Choose an output of one of its nodes.',
    })
  })
})

describe('answers kept on disk', () => {
  it.each([
    ['a free batch', 'batch'],
    ['a fixed batch', 4],
  ] as const)('equal live ones, for any samples in any order: %s', async (_, batch) => {
    const targets = [logits, { input: 'f', teacher: 0, value: 'r1' }]
    const live = await open([spiralNet(16, 1, batch)], targets, CPU)
    const kept = await keepTargets(live, samples, all, 16, testContext(folder))
    expect(kept).not.toBe(live)
    expect(readdirSync(folder)).toHaveLength(1)
    for (const wanted of [all.subarray(0, 16), Uint32Array.of(49, 0, 7, 33)]) {
      const [a, b] = [await ask(kept, wanted), await ask(live, wanted)]
      for (const name of ['t0', 'f']) {
        expect(a[name]?.dims).toEqual(b[name]?.dims)
        expect(farthest(a[name], b[name])).toBeLessThan(1e-6)
      }
    }
    opened.pop()
    await kept.close()
    expect(readdirSync(folder)).toEqual([])
  })

  it('are not kept where a sample’s value depends on its batch', async () => {
    const live = await open([spiralNet()], [logits], CPU)
    const mixed: TeacherValues = {
      targets: async (feeds, indices) => {
        const answers = await live.targets(feeds, indices)
        const { t0 } = answers
        const moved = numbers(t0).map(v => v + indices.length)
        return { t0: { type: 'float32', dims: t0?.dims ?? [], data: moved } }
      },
      close: () => live.close(),
    }
    expect(await keepTargets(mixed, samples, all, 16, testContext(folder))).toBe(mixed)
    expect(readdirSync(folder)).toEqual([])
  })

  it('leave nothing behind when they are stopped', async () => {
    const live = await open([spiralNet()], [logits], CPU)
    const context = testContext(folder)
    context.abort()
    expect((await inspectProblem(keepTargets(live, samples, all, 16, context))).code).toBe('cancelled')
    expect(readdirSync(folder)).toEqual([])
  })
})
