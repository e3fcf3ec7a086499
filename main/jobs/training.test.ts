/** Trainings in the queue: pauses, crashes and restarts in the middle of a fixture that counts steps. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { AppEvent } from '../../shared/contract'
import type { Job } from '../../shared/domain'
import { addDataset, currentDataset, removeDataset } from '../workspace/datasets'
import { addChild, datasetSummary, inFolder, makeStudy } from '../workspace/fixture'
import { readTraining, removeVariant } from '../workspace/variants'
import { openWorkspace, type Workspace } from '../workspace/workspace'
import { EventBus } from './events'
import { nodeHost } from './host'
import { JobQueue } from './queue'
import type { TrainingConditions } from './requests'
import { startTask } from './run-child'
import { prepareVariant } from './work/variant'

const host = nodeHost(join(dirname(fileURLToPath(import.meta.url)), 'fixture-child.mjs'))

interface Desk {
  folder: string
  workspace: Workspace
  queue: JobQueue
  events: AppEvent[]
  /** Queues a training that behaves so. */
  train(behaviour: string, options?: Record<string, unknown>): Job
  until(id: string, ...states: Job['state'][]): Promise<Job>
  /** Waits until a training has done so many steps. */
  steps(id: string, count: number): Promise<void>
  /** Steps each of the job's processes went on from. */
  starts(id: string): number[]
  close(): Promise<void>
}

function openDesk(folder: string): Desk {
  const workspace = openWorkspace(folder)
  const bus = new EventBus()
  const queue = new JobQueue(workspace, host, bus)
  const events: AppEvent[] = []
  void (async () => {
    for await (const event of bus.subscribe()) events.push(event)
  })()
  queue.start()
  const wait = () => new Promise(resolve => setTimeout(resolve, 5))
  return {
    folder,
    workspace,
    queue,
    events,
    train(behaviour, options = {}) {
      const study = workspace.database.get('SELECT id FROM studies')?.id ?? makeStudy(workspace).study
      return queue.enqueue(String(study), behaviour, {
        kind: 'variant',
        study: String(study),
        parent: null,
        step: { technique: 'distill.student', options: { behaviour, steps: 1000, ...options } },
        name: 'Student',
        seed: 0,
      })
    },
    async until(id, ...states) {
      for (;;) {
        const job = queue.read(id)
        if (states.includes(job.state)) return job
        await wait()
      }
    },
    async steps(id, count) {
      while ((queue.training(id)?.points.at(-1)?.step ?? 0) < count) await wait()
    },
    starts: id =>
      queue.log(id).flatMap(line => {
        const from = /\d {2}process \d+ goes on from (\d+)/.exec(line)?.[1]
        return from === undefined ? [] : [Number(from)]
      }),
    async close() {
      await queue.close()
      workspace.close()
    },
  }
}

async function atDesk(work: (desk: Desk) => Promise<void>): Promise<void> {
  await inFolder(async folder => {
    const desk = openDesk(folder)
    await work(desk)
    await desk.close()
  })
}

function kept(folder: string): string[] {
  return existsSync(join(folder, 'checkpoints')) ? readdirSync(join(folder, 'checkpoints')) : []
}

/** Kills the process a training told of last. */
function kill9(desk: Desk, id: string): void {
  const pid = /process (\d+) goes on/.exec(
    desk.queue.log(id).findLast(line => line.includes('goes on')) ?? '',
  )?.[1]
  process.kill(Number(pid), 'SIGKILL')
}

describe('[J16] pause and resume', () => {
  test('a paused training goes on where it was, after a restart too', () =>
    inFolder(async folder => {
      const first = openDesk(folder)
      const job = first.train('trains')
      expect(job.training).toBe(true)
      await first.steps(job.id, 5)
      first.queue.pause(job.id)
      expect(first.queue.read(job.id).stage).toBe('Pausing')
      const paused = await first.until(job.id, 'paused', 'failed')
      expect(paused).toMatchObject({ state: 'paused', stage: 'Paused', error: null, finishedAt: null })
      expect(paused.progress).toBeGreaterThan(0)
      first.queue.pause(job.id) // nothing more to do
      first.queue.clear()
      await first.close()

      const second = openDesk(folder)
      await new Promise(resolve => setTimeout(resolve, 100))
      expect(second.queue.read(job.id)).toMatchObject({ state: 'paused', progress: paused.progress })
      const before = second.queue.training(job.id)?.points.at(-1)?.step ?? 0
      expect(before).toBeGreaterThanOrEqual(5)
      expect(kept(folder)).toEqual([job.id])
      expect(second.queue.resume(job.id).id).toBe(job.id)
      await second.steps(job.id, before + 5)
      expect(second.starts(job.id)).toEqual([0, before])
      expect(() => second.queue.resume(job.id)).toThrow(
        'The job is running; only a paused one can be resumed.',
      )
      await second.close()
    }))

  test('a waiting one is put aside', () =>
    atDesk(async ({ queue, train, until, steps }) => {
      const [a, b, c] = [train('trains'), train('trains', { steps: 3 }), train('trains', { steps: 3 })]
      await steps(a.id, 1)
      queue.pause(b.id)
      expect(queue.read(b.id).state).toBe('paused')
      queue.cancel(a.id)
      await until(c.id, 'done')
      expect(queue.read(b.id).state).toBe('paused')
      queue.resume(b.id)
      await until(b.id, 'done')
    }))

  test('asked before its process is there', () =>
    atDesk(async ({ queue, train, until, starts }) => {
      const job = train('trains')
      queue.pause(job.id)
      expect(await until(job.id, 'paused', 'failed')).toMatchObject({ state: 'paused' })
      expect(starts(job.id).length).toBeLessThanOrEqual(1)
    }))

  test('what does not train, or is over, cannot be paused', () =>
    atDesk(async ({ queue, train, until }) => {
      const done = await until(train('trains', { steps: 1 }).id, 'done')
      expect(() => queue.pause(done.id)).toThrow(
        'The job is done; only a running or waiting one can be paused.',
      )
      const study = done.studyId ?? ''
      const other = queue.enqueue(study, 'Report', { kind: 'report', study })
      expect(() => queue.pause(other.id)).toThrow('Only a training can be paused.')
      expect(queue.training(other.id)).toBeNull()
      queue.cancel(other.id)
    }))

  test('one that was pausing when the workbench closed is paused at the next start', () =>
    inFolder(async folder => {
      const first = openDesk(folder)
      const job = first.train('trains')
      await first.steps(job.id, 2)
      first.queue.pause(job.id)
      await first.close()
      const second = openDesk(folder)
      expect(second.queue.read(job.id).state).toBe('paused')
      await second.close()
    }))
})

test('[J17] one that does not hear is stopped once it has kept its place, and is paused', () =>
  inFolder(async folder => {
    const desk = openDesk(folder)
    const { study } = makeStudy(desk.workspace)
    const step = { technique: 'distill.student', options: { behaviour: 'absorbed', after: 300 } }
    const request = { kind: 'variant', study, parent: null, step, name: null, seed: 0 } as const
    const task = { kind: 'variant' as const, ...(await prepareVariant(desk.workspace, request)) }
    const keepDir = join(folder, 'checkpoints', 'one')
    mkdirSync(keepDir, { recursive: true })
    let ready = () => {}
    const started = new Promise<void>(resolve => (ready = resolve))
    const events = { progress: () => ready(), log() {}, training() {}, search() {} }
    const running = await startTask(host, desk.workspace.store, task, events, keepDir)
    await started
    running.pause(10)
    await expect(running.result).rejects.toMatchObject({ code: 'paused' })
    expect(readdirSync(keepDir)).toEqual(['step'])
    await desk.close()
  }))

test('[J18] finished early, the best so far becomes the variant', () =>
  atDesk(async ({ workspace, folder, queue, train, until, steps }) => {
    const [job, waiting] = [train('trains'), train('trains')]
    expect(() => queue.finish(waiting.id)).toThrow(
      'The job is queued; only a running one can be finished early.',
    )
    await steps(job.id, 5)
    queue.finish(job.id)
    expect(queue.read(job.id).stage).toBe('Finishing')
    const { result } = await until(job.id, 'done', 'failed')
    const steps_ = readTraining(workspace, result ?? '')?.points.at(-1)?.step ?? 0
    expect(steps_).toBeGreaterThanOrEqual(5)
    expect(steps_).toBeLessThan(1000)
    queue.cancel(waiting.id)
    await until(waiting.id, 'cancelled')
    expect(kept(folder)).toEqual([])
  }))

describe('[J19] what is kept', () => {
  test('kill -9 of its process in the middle: tried again after a restart, it goes on', () =>
    inFolder(async folder => {
      const first = openDesk(folder)
      const job = first.train('trains')
      await first.steps(job.id, 5)
      kill9(first, job.id)
      const { error } = await first.until(job.id, 'failed')
      expect(error?.code).toBe('crashed')
      expect(error?.action).toMatch(/try again\. Tried again, it goes on from where it was\.$/)
      expect(kept(folder)).toEqual([job.id])
      await first.close()

      const second = openDesk(folder)
      second.queue.retry(job.id)
      await second.steps(job.id, 10)
      const [, from] = second.starts(job.id)
      expect(from).toBeGreaterThanOrEqual(5)
      second.queue.finish(job.id)
      await second.until(job.id, 'done')
      expect(kept(folder)).toEqual([])
      await second.close()
    }))

  test('cancelled, it goes, whether it ran or was paused; tried again, it starts anew', () =>
    atDesk(async ({ folder, queue, train, until, steps, starts }) => {
      const job = train('trains')
      await steps(job.id, 3)
      queue.cancel(job.id)
      await until(job.id, 'cancelled')
      expect(kept(folder)).toEqual([])
      queue.retry(job.id)
      await steps(job.id, 3)
      queue.pause(job.id)
      await until(job.id, 'paused')
      expect(kept(folder)).toEqual([job.id])
      queue.cancel(job.id)
      expect(queue.read(job.id)).toMatchObject({ state: 'cancelled', progress: 0 })
      expect(kept(folder)).toEqual([])
      expect(starts(job.id)).toEqual([0, 0])
    }))

  test('after a failure it is kept where a retry may go on, until the job is cleared', () =>
    atDesk(async ({ folder, queue, train, until }) => {
      const [full, bad] = [train('fails', { code: 'no-space' }), train('fails', { code: 'bad-model' })]
      await until(full.id, 'failed')
      await until(bad.id, 'failed')
      expect(kept(folder)).toEqual([full.id])
      queue.clear()
      expect(kept(folder)).toEqual([])
      expect(readdirSync(join(folder, 'logs'))).toEqual([])
    }))

  test('[W14] what belongs to no open job goes at the next start', () =>
    inFolder(async folder => {
      mkdirSync(join(folder, 'checkpoints', 'nobody'), { recursive: true })
      const desk = openDesk(folder)
      expect(kept(folder)).toEqual([])
      await desk.close()
    }))
})

describe('[J20] what is told', () => {
  test('the record grows while it trains, and stays after a restart and with the variant', () =>
    inFolder(async folder => {
      const first = openDesk(folder)
      const job = first.train('trains', { steps: 20 })
      expect(first.queue.training(job.id)).toBeNull()
      const { result } = await first.until(job.id, 'done', 'failed')
      await new Promise(resolve => setTimeout(resolve, 150))
      expect(first.events).toContainEqual({ type: 'training', job: job.id })
      await first.close()
      const second = openDesk(folder)
      expect(second.queue.training(job.id)?.points.at(-1)?.step).toBe(20)
      expect(readTraining(second.workspace, result ?? '')).toMatchObject({ ended: 'done' })
      const imported = addChild(second.workspace, job.studyId ?? '', result, 'Imported')
      expect(readTraining(second.workspace, imported)).toBeNull()
      expect(() => second.queue.training('none')).toThrow('The job does not exist.')
      await second.close()
    }))
})

test('[J21] a training may be interrupted as often as it gets further', () =>
  inFolder(async folder => {
    let id = ''
    for (let start = 0, steps = 3; start < 4; start++) {
      const desk = openDesk(folder)
      id ||= desk.train('trains').id
      expect(['queued', 'running']).toContain(desk.queue.read(id).state)
      await desk.steps(id, steps)
      steps = (desk.queue.training(id)?.points.at(-1)?.step ?? 0) + 5
      await desk.close()
    }
    const last = openDesk(folder)
    const starts = last.starts(id)
    expect(starts.length).toBeGreaterThanOrEqual(4)
    expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b)) // each from further on
    last.queue.cancel(id)
    await last.close()
  }))

describe('[J22] what a training is about', () => {
  const about = (study: string, options: Record<string, unknown>, conditions?: TrainingConditions) => ({
    kind: 'variant' as const,
    study,
    parent: null,
    step: { technique: 'distill.student', options },
    name: null,
    seed: 0,
    ...(conditions ? { conditions } : {}),
  })

  test('models that options name are looked up; a removed one is told of', () =>
    atDesk(async ({ workspace }) => {
      const { study, teacher } = makeStudy(workspace)
      const small = addChild(workspace, study, teacher, 'Small')
      const options = { student: `variant:${small}`, teachers: [`variant:${teacher}`, '/a.onnx'], loss: 'kd' }
      const { models } = await prepareVariant(workspace, about(study, options))
      expect(Object.entries(models).map(([ref, { name }]) => [ref, name])).toEqual([
        [`variant:${small}`, 'Small'],
        [`variant:${teacher}`, 'Teacher'],
      ])
      removeVariant(workspace, small)
      await expect(prepareVariant(workspace, about(study, options))).rejects.toMatchObject({
        code: 'not-found',
        where: `variant:${small}`,
        message: 'A model that the options name does not exist.',
      })
      const other = makeStudy(workspace)
      const foreign = { student: `variant:${other.teacher}` }
      await expect(prepareVariant(workspace, about(study, foreign))).rejects.toMatchObject({
        code: 'bad-option',
        message: 'Teacher belongs to another study.',
      })
    }))

  test('it keeps the data and the machine it was asked for with', () =>
    atDesk(async ({ workspace }) => {
      const { study, dataset } = makeStudy(workspace)
      addDataset(workspace, { study, name: 'New', pictures: false, summary: datasetSummary('/new.npz') })
      expect(currentDataset(workspace, study)?.id).not.toBe(dataset)
      const conditions = { dataset, device: 'cpu', threads: 3 } as const
      const { measure } = await prepareVariant(workspace, about(study, {}, conditions))
      expect([measure.dataset?.spec.source, measure.threads]).toEqual(['/data.npz', 3])
      removeDataset(workspace, dataset)
      await expect(prepareVariant(workspace, about(study, {}, conditions))).rejects.toMatchObject({
        code: 'not-found',
      })
    }))
})
