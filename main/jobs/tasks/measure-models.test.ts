import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BantamError } from '../../../shared/errors'
import type { Dataset } from '../../data/dataset'
import { openDataset } from '../../data/open'
import { sampleDescription, sampleModelPath } from '../../data/source'
import { modelHash } from '../../onnx/read'
import { FileStore } from '../../workspace/store'
import type { TaskContext } from '../context'
import type { MeasureTask } from '../protocol'
import { measureModels } from './measure-models'

const inputs = [{ name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }]

async function withWork(
  work: (desk: {
    task: MeasureTask
    dataset: Dataset
    store: FileStore
    context: TaskContext
    abort(): void
  }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bantam-measure-'))
  const path = sampleModelPath('digits')
  const spec = { ...sampleDescription('digits').spec, source: 'sample:digits#0:200' }
  const dataset = await openDataset(spec, inputs)
  const controller = new AbortController()
  try {
    await work({
      task: {
        device: 'cpu',
        threads: 1,
        teacher: { path, hash: await modelHash(path), name: 'Teacher' },
        teacherEvaluation: null,
        variants: [],
        dataset: { id: 'data', spec },
        batches: [1],
        threadCounts: [1],
      },
      dataset,
      store: new FileStore(folder),
      context: { progress() {}, log() {}, signal: controller.signal, tempDir: folder },
      abort: () => controller.abort(),
    })
  } finally {
    await dataset.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

test('evaluation, benchmark and profile of the teacher', () =>
  withWork(async ({ task, dataset, store, context }) => {
    const result = await measureModels(task, dataset, store, context)
    expect(result.notes).toEqual([])
    expect(result.evaluations.map(e => [e.model, e.dataset])).toEqual([[task.teacher.hash, 'data']])
    expect(store.has(result.evaluations[0]?.outputs ?? '')).toBe(true)
    expect(result.benchmark?.rows.map(r => r.batch)).toEqual([1])
    expect(result.profiles[task.teacher.hash]?.variant.nodes.length).toBeGreaterThan(0)
  }))

test('[J14] a stage that fails is noted, and the others go on', () =>
  withWork(async ({ task, dataset, store, context }) => {
    const broken: Dataset = {
      ...dataset,
      summary: dataset.summary,
      indices: split => dataset.indices(split),
      close: async () => {},
      preview: index => dataset.preview(index),
      picture: index => dataset.picture(index),
      batch: async () => {
        throw new BantamError('bad-data', 'Sample 7 cannot be read.', { where: 'x.npz' })
      },
    }
    const result = await measureModels(task, broken, store, context)
    expect(result.evaluations).toEqual([])
    expect(result.notes[0]).toEqual({
      code: 'not-measured',
      severity: 'warning',
      message: 'The evaluation of Teacher failed: Sample 7 cannot be read. [x.npz]',
      action: 'Measure it again.',
    })
    const alone = await measureModels({ ...task, dataset: null }, null, store, context)
    expect(alone.notes).toEqual([])
    expect(alone.benchmark?.rows).toHaveLength(1)
  }))

test('[J5] a cancel ends everything', () =>
  withWork(async ({ task, dataset, store, context, abort }) => {
    abort()
    await expect(measureModels(task, dataset, store, context)).rejects.toMatchObject({ code: 'cancelled' })
  }))
