/** Students of the digits teacher through the contract, before anything is trained. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleModelPath } from '../data/source'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { writeModel } from '../onnx/write'
import { makeStudy } from '../workspace/fixture'
import { quiet, type TestBench, withBench } from './testing'

/** A study with the digits teacher; answers with its id and the teacher's. */
async function digits(desk: TestBench): Promise<{ study: string; teacher: string }> {
  const { id: study } = await desk.client.studies.create({ name: 'Digits' })
  return { study, teacher: await imported(desk, study, null, sampleModelPath('digits')) }
}

/** Imports a model and cancels the measurement that would follow; answers with the variant's id. */
async function imported(
  desk: TestBench,
  study: string,
  parent: string | null,
  file: string,
): Promise<string> {
  const { client, grant, ended } = desk
  const { id } = await client.models.import({ study, file: grant(file), parent })
  const { error, result } = await ended(id)
  expect(error).toBeNull()
  await quiet(desk)
  return result ?? ''
}

test('[J23] what a student would be, its graph, and pairs of values in both', async () => {
  await withBench(async desk => {
    const { client } = desk
    const { study, teacher } = await digits(desk)
    const { summary } = (await client.studies.get({ id: study })).variants[0] ?? {}
    const preview = await client.distill.preview({ parent: teacher, student: 'slim:0.5' })
    expect(preview).toMatchObject({
      student: 'slim:0.5',
      teacher: {
        parameters: summary?.parameters,
        macs: summary?.macs,
        sizeBytes: summary?.sizeBytes,
      },
    })
    expect(preview.parameters).toBeLessThan(0.5 * preview.teacher.parameters)
    expect(preview.macs).toBeLessThan(0.5 * preview.teacher.macs)
    expect(preview.sizeBytes).toBeLessThan(0.6 * preview.teacher.sizeBytes)
    const { ratio = 0, low = 0, high = 0 } = preview.latency ?? {}
    expect(ratio).toBeGreaterThan(0)
    expect(low).toBeLessThanOrEqual(ratio)
    expect(high).toBeGreaterThanOrEqual(ratio)
    // Asked again, the same is told at once.
    const start = performance.now()
    expect(await client.distill.preview({ parent: teacher, student: 'slim:0.5' })).toEqual(preview)
    expect(performance.now() - start).toBeLessThan(200)

    const own = await client.distill.graph({ variant: teacher })
    const small = await client.distill.graph({ variant: teacher, student: 'slim:0.5' })
    const parameters = (view: typeof own) => view.nodes.reduce((sum, node) => sum + node.parameters, 0)
    expect([parameters(own), parameters(small)]).toEqual([preview.teacher.parameters, preview.parameters])
    expect(small.outputs).toEqual(own.outputs)

    const pairs = await client.distill.pairs({ parent: teacher, student: 'slim:0.5' })
    expect(pairs.length).toBeGreaterThan(0)
    const names = (view: typeof own) => view.nodes.flatMap(node => node.outputs.map(o => o.name))
    for (const pair of pairs) {
      expect(names(own)).toContain(pair.teacher)
      expect(names(small)).toContain(pair.student)
    }
  })
}, 120_000)

test('[J23] a model of the study is previewed; what does not fit is refused', async () => {
  await withBench(async desk => {
    const { client, folder, bench } = desk
    const { study, teacher } = await digits(desk)
    const add = (parent: string | null, file: string) => imported(desk, study, parent, file)
    const same = await add(teacher, sampleModelPath('digits'))
    const preview = (student: string) => client.distill.preview({ parent: teacher, student })
    const found = await preview(`variant:${same}`)
    expect(found).toMatchObject({ student: `variant:${same}`, parameters: found.teacher.parameters })
    expect(found.latency?.ratio).toBeGreaterThan(0.4)
    expect(found.latency?.ratio).toBeLessThan(2.5)

    const file = join(folder, 'other.onnx')
    await writeModel(other(), file)
    const stranger = await add(teacher, file)
    for (const ask of [
      preview(`variant:${stranger}`),
      client.distill.pairs({ parent: teacher, student: `variant:${stranger}` }),
    ]) {
      await expect(ask).rejects.toMatchObject({
        data: {
          code: 'bad-option',
          message: expect.stringMatching(
            /^The student takes x float32 \[n, 3\] and gives y float32 \[n, 3\]; the teacher takes input /,
          ),
        },
      })
    }
    await expect(preview('slim:2')).rejects.toMatchObject({ data: { code: 'bad-option' } })
    await expect(preview('variant:none')).rejects.toMatchObject({
      data: { code: 'not-found', where: 'variant:none' },
    })
    const foreign = makeStudy(bench.workspace).teacher
    await expect(preview(`variant:${foreign}`)).rejects.toMatchObject({ data: { code: 'bad-option' } })

    expect(await client.training.variant({ id: teacher })).toBeNull()
    const [job] = await client.jobs.list()
    expect(await client.training.job({ id: job?.id ?? '' })).toBeNull()
    await expect(client.training.job({ id: 'none' })).rejects.toMatchObject({ data: { code: 'not-found' } })
    await expect(client.jobs.pause({ id: job?.id ?? '' })).rejects.toMatchObject({
      data: { code: 'conflict' },
    })
  })
}, 120_000)

/** A model of other inputs and outputs than the digits teacher's. */
function other(): Model {
  return makeModel({
    nodes: [makeNode('Relu', ['x'], ['y'])],
    inputs: [makeValue('x', 'float32', ['n', 3])],
    outputs: [makeValue('y', 'float32', ['n', 3])],
  })
}
