import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { nodeHost } from './host'
import { WarmChild } from './warm'

const host = nodeHost(join(dirname(fileURLToPath(import.meta.url)), 'fixture-child.mjs'))

async function withChild(work: (child: WarmChild) => Promise<void>): Promise<void> {
  const child = new WarmChild(host)
  await work(child)
  child.close()
}

/** The fixture answers `techniques` with its process number. */
async function process_(child: WarmChild): Promise<number> {
  return Number(await child.ask('techniques', {}))
}

test('[J15] one process answers many questions', () =>
  withChild(async child => {
    const first = await process_(child)
    expect(first).toBe(child.pid)
    expect(await process_(child)).toBe(first)
    await expect(child.ask('step', { step: { technique: 'x', options: {} } })).rejects.toMatchObject({
      code: 'bad-option',
      message: 'No such option.',
    })
    expect(await process_(child)).toBe(first)
  }))

test('[J15] after a crash the next question is answered by a new process', () =>
  withChild(async child => {
    const first = await process_(child)
    const waiting = child.ask('probe', { source: 'x', inputs: [] })
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'crashed' }),
      expect(child.ask('devices', {})).rejects.toThrow(
        /^The job’s process died \(signal SIGABRT\) while answering\./,
      ),
    ])
    expect(await process_(child)).not.toBe(first)
  }))

test('[J15] a question without an answer is given up, and its process is not asked again', () =>
  withChild(async child => {
    const first = await process_(child)
    await expect(child.ask('probe', { source: 'x', inputs: [] }, 200)).rejects.toMatchObject({
      code: 'crashed',
      message: 'No answer came within 0 s.',
    })
    expect(await process_(child)).not.toBe(first)
  }))

test('[J15] nothing is asked after closing', () =>
  withChild(async child => {
    child.close()
    await expect(process_(child)).rejects.toMatchObject({ code: 'cancelled' })
  }))
