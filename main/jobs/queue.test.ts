import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { AppEvent } from '../../shared/contract'
import type { Job } from '../../shared/domain'
import { readArtifact } from '../workspace/artifacts'
import { inFolder } from '../workspace/fixture'
import { createStudy } from '../workspace/studies'
import { openWorkspace, type Workspace } from '../workspace/workspace'
import { EventBus } from './events'
import { nodeHost } from './host'
import { JobQueue } from './queue'

const host = nodeHost(join(dirname(fileURLToPath(import.meta.url)), 'fixture-child.mjs'))

interface Desk {
  workspace: Workspace
  queue: JobQueue
  events: AppEvent[]
  /** Queues a job of the given behaviour. */
  add(behaviour: string): Job
  /** Waits until the job is in one of the states. */
  until(id: string, ...states: Job['state'][]): Promise<Job>
}

async function atDesk(work: (desk: Desk) => Promise<void>): Promise<void> {
  await inFolder(async folder => {
    const desk = openDesk(folder)
    desk.queue.start()
    await work(desk)
    await desk.queue.close()
    desk.workspace.close()
  })
}

function openDesk(folder: string): Desk {
  const workspace = openWorkspace(folder)
  const bus = new EventBus()
  const queue = new JobQueue(workspace, host, bus)
  const events: AppEvent[] = []
  void (async () => {
    for await (const event of bus.subscribe()) events.push(event)
  })()
  return {
    workspace,
    queue,
    events,
    add: behaviour => {
      const study = createStudy(workspace, behaviour).id
      return queue.enqueue(study, behaviour, { kind: 'report', study })
    },
    async until(id, ...states) {
      for (;;) {
        const job = queue.read(id)
        if (states.includes(job.state)) return job
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    },
  }
}

function leftovers({ folder }: Workspace): string[] {
  return readdirSync(join(folder, 'tmp'))
}

describe('life of a job', () => {
  test('[J1] jobs run one at a time, the oldest first', () =>
    atDesk(async ({ queue, add, until }) => {
      const [a, b] = [add('polite'), add('good')]
      await until(a.id, 'running')
      await new Promise(resolve => setTimeout(resolve, 100))
      expect(queue.read(b.id).state).toBe('queued')
      queue.cancel(a.id)
      expect(await until(b.id, 'done')).toMatchObject({ progress: 1, stage: 'Done', error: null })
      expect(queue.list().map(job => job.id)).toEqual([b.id, a.id])
    }))

  test('[J2] the result is recorded with the end of the job', () =>
    atDesk(async ({ workspace, add, until }) => {
      const job = await until(add('good').id, 'done')
      const { artifact, path } = readArtifact(workspace, job.result ?? '')
      expect(artifact).toMatchObject({
        name: 'good-report.html',
        mime: 'text/html; charset=utf-8',
        bytes: 10,
      })
      expect(readFileSync(path, 'utf8')).toBe('the report')
    }))

  test('[J3] an error is shown as it is, and the next job goes on', () =>
    atDesk(async ({ add, until }) => {
      const [a, b] = [add('fail'), add('good')]
      const failed = await until(a.id, 'failed', 'done')
      expect(failed.error).toEqual({
        code: 'bad-data',
        message: 'Sample 7 is broken.',
        where: 'data.npz',
        action: 'Remove it.',
      })
      await until(b.id, 'done')
    }))

  test('[J4] a process that aborts is a crash with its last words; the queue goes on', () =>
    atDesk(async ({ add, until }) => {
      const [a, b] = [add('abort'), add('good')]
      const failed = await until(a.id, 'failed', 'done')
      expect(failed.error).toEqual({
        code: 'crashed',
        message:
          'The job’s process died (signal SIGABRT) while quantizing the weights. Its last words: terminate called after throwing an instance of Something',
        action: 'Nothing else was harmed. Look at the log, and try again.',
      })
      await until(b.id, 'done')
    }))

  test('[J4] an exit without an answer is a crash too', () =>
    atDesk(async ({ add, until }) => {
      const { error } = await until(add('exit').id, 'failed', 'done')
      expect(error).toMatchObject({
        code: 'crashed',
        message: 'The job’s process died (exit code 3) while starting.',
      })
    }))

  test('[J5] a waiting job is taken out of the queue', () =>
    atDesk(async ({ queue, add, until }) => {
      const [a, b] = [add('polite'), add('good')]
      await until(a.id, 'running')
      queue.cancel(b.id)
      expect(queue.read(b.id)).toMatchObject({ state: 'cancelled', error: null })
      queue.cancel(a.id)
      await until(a.id, 'cancelled')
      expect(queue.read(b.id).startedAt).toBeNull()
    }))

  test('[J5] [J7] a running job stops when asked, and leaves nothing', () =>
    atDesk(async ({ workspace, queue, add, until }) => {
      const job = add('polite')
      await stage(queue, job.id, 'Waiting')
      expect(leftovers(workspace)).toHaveLength(1)
      const asked = performance.now()
      queue.cancel(job.id)
      await until(job.id, 'cancelled')
      expect(performance.now() - asked).toBeLessThan(1500)
      expect(leftovers(workspace)).toEqual([])
    }))

  test('[J5] one that does not hear is killed after two seconds', () =>
    atDesk(async ({ workspace, queue, add, until }) => {
      const job = add('deaf')
      await stage(queue, job.id, 'Waiting')
      await new Promise(resolve => setTimeout(resolve, 100))
      const asked = performance.now()
      queue.cancel(job.id)
      await until(job.id, 'cancelled')
      expect(performance.now() - asked).toBeGreaterThan(1900)
      expect(performance.now() - asked).toBeLessThan(4000)
      expect(leftovers(workspace)).toEqual([])
    }))

  test('[J5] what a cancelled job finished all the same is not recorded', () =>
    atDesk(async ({ queue, add, until }) => {
      const job = add('stubborn')
      await stage(queue, job.id, 'Waiting')
      queue.cancel(job.id)
      expect(await until(job.id, 'cancelled', 'done')).toMatchObject({ state: 'cancelled', result: null })
    }))

  test('[J6] a failed job can be tried again, a done one cannot', () =>
    atDesk(async ({ workspace, queue, add, until }) => {
      const job = await until(add('fail').id, 'failed')
      workspace.database.run("UPDATE studies SET name = 'good' WHERE id = ?", job.studyId)
      expect(queue.retry(job.id)).toMatchObject({ id: job.id, error: null })
      await until(job.id, 'done')
      expect(() => queue.retry(job.id)).toThrow(
        'The job is done; only a failed or cancelled one can be retried.',
      )
    }))

  test('[J7] nothing is left of a job that crashed or failed', () =>
    atDesk(async ({ workspace, add, until }) => {
      for (const behaviour of ['abort', 'fail', 'good']) await until(add(behaviour).id, 'failed', 'done')
      expect(leftovers(workspace)).toEqual([])
    }))

  test('a job whose study is gone fails plainly', () =>
    atDesk(async ({ queue, until }) => {
      const job = queue.enqueue(null, 'Report', { kind: 'report', study: 'gone' })
      const { error } = await until(job.id, 'failed', 'done')
      expect(error).toMatchObject({ code: 'not-found', message: 'The study does not exist.' })
    }))
})

describe('across starts', () => {
  test('[J8] an interrupted job is taken up first, and fails when it is interrupted again', () =>
    inFolder(async folder => {
      const first = openDesk(folder)
      first.queue.start()
      const [a, b] = [first.add('polite'), first.add('good')]
      await stage(first.queue, a.id, 'Waiting')
      await first.queue.close()
      first.workspace.close()

      const second = openDesk(folder)
      expect(second.queue.read(a.id)).toMatchObject({ state: 'queued', error: null })
      second.queue.start()
      await stage(second.queue, a.id, 'Waiting')
      expect(second.queue.read(a.id).state).toBe('running')
      expect(second.queue.read(b.id).state).toBe('queued')
      await second.queue.close()
      second.workspace.close()

      const third = openDesk(folder)
      expect(third.queue.read(a.id)).toMatchObject({
        state: 'failed',
        stage: 'Interrupted',
        error: { code: 'crashed', message: 'Bantam ended twice while this job was running.' },
      })
      third.queue.start()
      await third.until(b.id, 'done')
      expect(third.queue.retry(a.id).state).toBe('running')
      await third.queue.close()
      third.workspace.close()
    }))
})

describe('what is told', () => {
  test('[J10] progress never goes back', () =>
    atDesk(async ({ queue, add, until }) => {
      const job = add('backwards')
      await stage(queue, job.id, 'At 0.9')
      expect(queue.read(job.id).progress).toBe(0.9)
      await until(job.id, 'done')
    }))

  test('[J11] thousands of reports become a few events, and the end is among them', () =>
    atDesk(async ({ events, add, until }) => {
      const start = performance.now()
      const job = add('flood')
      await until(job.id, 'done')
      await new Promise(resolve => setTimeout(resolve, 250))
      const told = events.filter(e => e.type === 'job')
      const seconds = (performance.now() - start) / 1000
      expect(told.length).toBeLessThanOrEqual(Math.ceil(seconds * 10) + 1)
      expect(told.at(-1)).toMatchObject({ job: { id: job.id, state: 'done' } })
      expect(events).toContainEqual({ type: 'study', id: job.studyId })
    }))

  test('[J12] the log holds stages, lines and output, without colours', () =>
    atDesk(async ({ queue, add, until }) => {
      const job = await until(add('good').id, 'done')
      const text = queue.log(job.id).join('\n')
      for (const line of ['good: started', 'Halfway', 'a line of the job', '  a line on stderr']) {
        expect(text).toContain(line)
      }
      expect(text).not.toContain('\u001b')
      queue.clear()
      expect(queue.list()).toEqual([])
      expect(() => queue.log(job.id)).toThrow('The job does not exist.')
    }))

  test('[J12] a job that never stops talking fits', () =>
    atDesk(async ({ workspace, queue, add, until }) => {
      const job = await until(add('talkative').id, 'done')
      const files = readdirSync(join(workspace.folder, 'logs'))
      const bytes = files.reduce((sum, file) => sum + statSync(join(workspace.folder, 'logs', file)).size, 0)
      expect(bytes).toBeLessThanOrEqual(2 * 256 * 1024)
      expect(queue.log(job.id).at(-2)).toContain('line 7999')
      queue.clear()
      expect(existsSync(join(workspace.folder, 'logs', files[0] ?? ''))).toBe(false)
    }))
})

/** Waits until a job is in a stage. */
async function stage(queue: JobQueue, id: string, name: string): Promise<void> {
  while (queue.read(id).state !== 'running' || queue.read(id).stage !== name) {
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
