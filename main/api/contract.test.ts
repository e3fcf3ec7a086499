/** The contract end to end in this process, with the real engine in its job processes, on the shipped sample. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { contract } from '../../shared/contract'
import { DatasetSpec, type Study } from '../../shared/domain'
import { sampleModelPath } from '../data/source'
import { modelHash } from '../onnx/read'
import { readArtifact } from '../workspace/artifacts'
import { quiet, type TestBench, withBench } from './testing'

/** A small part of the digits: enough to measure, quick to read. */
const DIGITS = 'sample:digits#0:600'

/** A study with a teacher; answers with its id. */
async function studyWithTeacher({ client, grant, ended }: TestBench): Promise<string> {
  const { id } = await client.studies.create({ name: 'Digits' })
  const job = await client.models.import({ study: id, file: grant(sampleModelPath('digits')) })
  expect((await ended(job.id)).error).toBeNull()
  return id
}

test('every procedure of the contract has a handler', async () => {
  await withBench(async ({ bench }) => {
    const paths = (tree: object): string[] =>
      Object.entries(tree).flatMap(([name, part]) =>
        '~orpc' in part ? [name] : paths(part).map(rest => `${name}.${rest}`),
      )
    expect(paths(bench.router).sort()).toEqual(paths(contract).sort())
  })
})

test('once it closes, whoever still asks is told so, and nothing is printed as a fault', async () => {
  const printed = vi.spyOn(console, 'error')
  await withBench(async ({ bench, client }) => {
    await bench.close()
    for (const ask of [client.studies.list, client.jobs.list, client.settings.get]) {
      await expect(ask()).rejects.toMatchObject({
        data: { code: 'cancelled', message: 'The workbench is closing.' },
      })
    }
  })
  expect(printed).not.toHaveBeenCalled()
  printed.mockRestore()
})

test('[J13] a study from model and data to a proven variant, its comparison and its exports', async () => {
  await withBench(async desk => {
    const { client, ended, grant, bench, folder } = desk
    const study = await studyWithTeacher(desk)
    await quiet(desk)

    const probe = await client.datasets.probe({ study, file: 'sample:digits' })
    expect(probe.count).toBe(10_000)
    const spec = { ...probe.suggestion, source: DIGITS }
    const preview = await client.datasets.preview({
      study,
      file: 'sample:digits',
      spec,
      indices: [0, 599, 600],
    })
    expect(preview.samples.map(s => s.index)).toEqual([0, 599])
    expect(preview.samples[0]?.tensors[0]).toMatchObject({ name: 'input', type: 'float32' })

    const data = await client.datasets.import({ study, file: 'sample:digits', name: 'Some digits', spec })
    const imported = await ended(data.id)
    expect(imported.error).toBeNull()
    await quiet(desk)
    const dataset = await client.datasets.get({ id: imported.result ?? '' })
    expect(dataset).toMatchObject({ count: 600, task: 'classification', spec: { source: DIGITS } })

    const [teacher] = (await client.studies.get({ id: study })).variants
    const step = { technique: 'quantize.static-int8', options: { perChannel: true } }
    const advice = await client.techniques.advise({ variant: teacher?.id ?? '', step })
    expect(advice.sizeBytes).toBeLessThan(teacher?.summary.sizeBytes ?? 0)
    const job = await client.variants.create({ parent: teacher?.id ?? '', step, name: 'Small' })
    const made = await ended(job.id)
    expect(made.error).toBeNull()

    const after: Study = await client.studies.get({ id: study })
    const small = after.variants.find(v => v.id === made.result)
    expect(small).toMatchObject({ name: 'Small', parentId: teacher?.id, verification: { loads: true } })
    expect(small?.verification?.notes.filter(n => n.code === 'not-measured')).toEqual([])
    expect(small?.summary.sizeBytes).toBeLessThan(0.35 * (teacher?.summary.sizeBytes ?? 0))
    expect(small?.evaluation?.metrics.accuracy?.value).toBeGreaterThan(0.9)
    expect(small?.evaluation?.reference).toBe(teacher?.model)
    expect(small?.benchmark?.ratios.map(r => [r.a, r.b, r.batch])).toEqual([
      [teacher?.model, small?.model, 1],
      [teacher?.model, small?.model, 32],
    ])
    // The teacher was evaluated along the way, for the variant is compared with it.
    expect(after.variants[0]?.evaluation?.data.count).toBe(dataset.splits.test)

    const id = small?.id ?? ''
    expect((await client.variants.evaluation({ id }))?.confusion).toHaveLength(10)
    expect((await client.variants.plan({ id }))?.technique).toBe('quantize.static-int8')
    expect((await client.variants.layers({ id })).length).toBeGreaterThan(5)
    const speed = await client.variants.speed({ id })
    expect(speed?.reference.model).toBe(teacher?.model)
    expect(speed?.ratio).toMatchObject({ a: teacher?.model, b: small?.model, batch: speed?.variant.batch })
    const turned = await client.variants.compare({ a: id, b: teacher?.id ?? '' })
    const straight = await client.variants.compare({ a: teacher?.id ?? '', b: id })
    expect(turned.ratios[0]?.ratio).toBeCloseTo(1 / (straight.ratios[0]?.ratio ?? 0), 12)
    expect(straight.differences.map(d => d.metric)).toContain('accuracy')
    const all = await client.variants.predictions({ id, filter: 'all', offset: 0, limit: 3 })
    expect(all.total).toBe(dataset.splits.test)
    const image = all.items[0]?.image ?? ''
    expect(image).toBe(`/data/${dataset.id}/${all.items[0]?.index}.png`)
    const picture = await bench.bytes(image)
    expect(picture?.headers['content-type']).toBe('image/png')
    expect(
      Buffer.from(picture?.body as Uint8Array)
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    expect(await bench.bytes(`/data/${dataset.id}/600.png`)).toMatchObject({ status: 404 })
    expect(parse((await client.variants.recipe({ id })).yaml)).toMatchObject({
      name: 'Small',
      seed: 0,
      steps: [{ technique: 'quantize.static-int8', options: { perChannel: true } }],
    })

    const exported = await client.variants.export({ id, format: 'onnx' })
    expect(exported).toMatchObject({ name: 'small.onnx', bytes: small?.summary.sizeBytes })
    expect(await modelHash(readArtifact(bench.workspace, exported.id).path)).toBe(small?.model)
    const evidence = await client.variants.export({ id, format: 'evidence' })
    const text = readFileSync(readArtifact(bench.workspace, evidence.id).path, 'utf8')
    expect(JSON.parse(text)).toMatchObject({
      parent: { hash: teacher?.model },
      result: { hash: small?.model },
    })
    const table = await client.studies.table({ id: study, format: 'csv' })
    expect(readFileSync(readArtifact(bench.workspace, table.id).path, 'utf8').split('\r\n')).toHaveLength(4)

    const files = [await client.studies.report({ id: study }), await client.variants.bundle({ id })]
    for (const file of files) {
      const { error, result } = await ended(file.id)
      expect(error).toBeNull()
      const artifact = await client.artifacts.get({ id: result ?? '' })
      expect((await bench.bytes(`/artifacts/${artifact.id}`))?.headers['content-length']).toBe(
        String(artifact.bytes),
      )
    }
    // [J7] nothing is left of all these jobs
    expect(readdirSync(join(folder, 'tmp'))).toEqual([])
    expect(grant(folder)).toBeTruthy()
  })
}, 240_000)

describe('[W20] failures', () => {
  test('say what, where and what to do', async () => {
    await withBench(async desk => {
      const { client, ended, grant, folder } = desk
      await expect(client.studies.get({ id: 'none' })).rejects.toMatchObject({
        code: 'BANTAM',
        defined: true,
        data: { code: 'not-found', message: 'The study does not exist.', where: 'none' },
      })
      await expect(client.studies.create({ name: '' })).rejects.toMatchObject({
        code: 'BANTAM',
        data: { code: 'bad-option', message: expect.stringMatching(/^name: /) },
      })
      const { id } = await client.studies.create({ name: 'Test' })
      await expect(client.datasets.probe({ study: id, file: 'sample:digits' })).rejects.toMatchObject({
        data: {
          code: 'not-found',
          message: 'The study has no teacher model yet.',
          action: 'Open an ONNX model first.',
        },
      })
      const broken = join(folder, 'broken.onnx')
      writeFileSync(broken, 'this is not a model')
      const job = await client.models.import({ study: id, file: grant(broken) })
      const { state, error } = await ended(job.id)
      expect([state, error?.code]).toEqual(['failed', 'bad-file'])
      expect(error?.message).not.toBe('')
      expect((await client.studies.get({ id })).variants).toEqual([])
      expect(readdirSync(join(folder, 'models'))).toEqual([])
    })
  })

  test('of a technique’s options are told before a job is made', async () => {
    await withBench(async desk => {
      const { client } = desk
      const study = await studyWithTeacher(desk)
      await quiet(desk)
      const parent = (await client.studies.get({ id: study })).variants[0]?.id ?? ''
      const before = (await client.jobs.list()).length
      const make = (technique: string, options: Record<string, unknown>) =>
        client.variants.create({ parent, step: { technique, options } })
      await expect(make('quantize.none', {})).rejects.toMatchObject({ data: { code: 'bad-option' } })
      await expect(make('quantize.static-int8', { perChannel: 'maybe' })).rejects.toMatchObject({
        data: { code: 'bad-option', where: 'perChannel' },
      })
      await expect(make('quantize.static-int8', {})).rejects.toMatchObject({
        data: { code: 'bad-data', action: 'Add data first.' },
      })
      expect(await client.jobs.list()).toHaveLength(before)
    })
  })
})

describe('[W21] only what was granted is read', () => {
  test('an id nobody granted is refused', async () => {
    await withBench(async ({ client, folder }) => {
      const { id } = await client.studies.create({ name: 'Test' })
      for (const file of ['made-up', join(folder, 'workspace.sqlite'), '/etc/passwd']) {
        await expect(client.models.import({ study: id, file })).rejects.toMatchObject({
          data: { code: 'not-found', message: 'This file was not chosen in this session.' },
        })
      }
    })
  })

  test('of a specification’s source only the range counts', async () => {
    await withBench(async desk => {
      const { client, grant, folder } = desk
      const study = await studyWithTeacher(desk)
      await quiet(desk)
      const spec = DatasetSpec.parse({ source: '/etc/passwd#0:10' })
      const job = await client.datasets.import({ study, file: grant(folder), name: 'Data', spec })
      const row = desk.bench.workspace.database.get('SELECT request FROM jobs WHERE id = ?', job.id)
      expect(JSON.parse(String(row?.request)).spec.source).toBe(`${folder}#0:10`)
      await client.jobs.cancel({ id: job.id })
    })
  })

  test('paths are typed in the host only', async () => {
    await withBench(
      async ({ client, folder }) => {
        await expect(client.files.fromPath({ path: folder })).rejects.toMatchObject({
          data: { code: 'unsupported' },
        })
      },
      { shell: 'electron' },
    )
    await withBench(async ({ client, folder }) => {
      expect(await client.files.fromPath({ path: folder })).toMatchObject({ isDirectory: true })
      await expect(client.files.fromPath({ path: join(folder, 'none') })).rejects.toMatchObject({
        data: { code: 'not-found', message: 'There is no such file or folder.' },
      })
    })
  })
})

test('a second teacher is refused, a variant by import is not', async () => {
  await withBench(async desk => {
    const { client, grant, ended } = desk
    const study = await studyWithTeacher(desk)
    await quiet(desk)
    const file = grant(sampleModelPath('digits'))
    await expect(client.models.import({ study, file })).rejects.toMatchObject({
      data: { code: 'conflict', message: 'The study has a teacher already.' },
    })
    const parent = (await client.studies.get({ id: study })).variants[0]?.id ?? null
    const job = await client.models.import({ study, file, parent })
    const { result } = await ended(job.id)
    await quiet(desk)
    const { variants } = await client.studies.get({ id: study })
    expect(variants.map(v => [v.id === result, v.parentId, v.name])).toEqual([
      [false, null, 'digits-teacher'],
      [true, parent, 'digits-teacher 2'],
    ])
    await expect(client.variants.export({ id: result ?? '', format: 'evidence' })).rejects.toMatchObject({
      data: { code: 'not-found' },
    })
  })
})

test('a folder stands for the one model in it', async () => {
  await withBench(async ({ client, grant, folder }) => {
    const { id } = await client.studies.create({ name: 'Test' })
    const place = join(folder, 'place')
    mkdirSync(place)
    const add = () => client.models.import({ study: id, file: grant(place) })
    await expect(add()).rejects.toMatchObject({
      data: { code: 'bad-file', message: 'No ONNX model lies in this folder.', where: place },
    })
    writeFileSync(join(place, 'a.onnx'), '')
    expect((await add()).title).toBe('Import a.onnx')
    writeFileSync(join(place, 'b.onnx'), '')
    await expect(add()).rejects.toMatchObject({
      data: { message: 'Several ONNX models lie in this folder: a.onnx, b.onnx.' },
    })
  })
})

test('the sample study is made of real jobs, once', async () => {
  await withBench(
    async desk => {
      const { client } = desk
      const [study] = await client.studies.list()
      expect(study?.name).toBe('Handwritten digits')
      const titles = (await client.jobs.list()).map(job => job.title).reverse()
      expect(titles).toEqual([
        'Import the teacher',
        'Import the data: Handwritten digits',
        'Measure the teacher',
        'Static int8',
        'Float16',
        'Dynamic int8',
        'Student, half as wide',
      ])
      expect((await client.studies.sample({})).id).toBe(study?.id)
      await client.studies.remove({ id: study?.id ?? '' })
      await quiet(desk)
      expect(await client.studies.list()).toEqual([])
      expect(existsSync(desk.folder)).toBe(true)
    },
    { sample: true },
  )
})
