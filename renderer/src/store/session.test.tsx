import { act, render, screen, waitFor } from '@testing-library/react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Job } from '../../../shared/domain'
import { asErrorData, type Client, reconnectDelay } from '../client'
import { fixtureConnection } from '../fixtures/client'
import { initialState, useApp } from './app'
import { ConnectionContext } from './connection'
import { clearQueries, invalidate, useQuery } from './query'
import { openStudy, startSession } from './session'

beforeEach(() => {
  localStorage.clear()
  clearQueries()
  useApp.setState(initialState, true)
})

describe('a session', () => {
  it('fetches everything, opens the first study and follows events without asking again and again', async () => {
    const connection = fixtureConnection({ pace: 0 })
    const jobs: [Job, Job | undefined][] = []
    const stop = startSession(connection, (job, before) => jobs.push([job, before]))
    await waitFor(() => expect(useApp.getState().study?.name).toBe('Sample: handwritten digits'))
    expect(useApp.getState().selection).toEqual(['v0'])
    expect(useApp.getState().info?.techniques).toEqual((await connection.client.app.info()).techniques)

    await connection.client.variants.create({
      parent: 'v0',
      step: { technique: 'quantize.float16', options: {} },
    })
    await waitFor(() => expect(useApp.getState().jobs.map(j => j.state)).toEqual(['queued']))
    expect(jobs.map(([job, before]) => [job.title, before])).toEqual([['Half precision', undefined]])

    await connection.client.variants.rename({ id: 'v1', name: 'renamed' })
    await waitFor(() => expect(useApp.getState().study?.variants[1]?.name).toBe('renamed'))
    stop()
    connection.emit({ type: 'settings', settings: { device: 'cpu', threads: 9, theme: 'dark' } })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(useApp.getState().settings.threads).toBe(0)
  })

  it('makes no study where there is none, and opens the first that comes', async () => {
    const connection = fixtureConnection({ pace: 0 })
    const asked: PropertyKey[] = []
    const empty = new Proxy(connection.client.studies, {
      get(target, key, receiver) {
        asked.push(key)
        const first = asked.filter(k => k === 'list').length === 1
        return key === 'list' && first ? async () => [] : Reflect.get(target, key, receiver)
      },
    })
    const client = new Proxy(connection.client, {
      get: (target, key, receiver) => (key === 'studies' ? empty : Reflect.get(target, key, receiver)),
    })
    const stop = startSession({ ...connection, client }, () => {})
    await waitFor(() => expect(useApp.getState().studies).toEqual([]))
    await new Promise(resolve => setTimeout(resolve, 20))
    expect([useApp.getState().study, asked]).toEqual([null, ['list']])
    connection.emit({ type: 'studies' })
    await waitFor(() => expect(useApp.getState().study?.id).toBe('s1'))
    stop()
  })

  it('says what failed when a study cannot be fetched', async () => {
    const get = () => Promise.reject(new Error('closed'))
    // The cast stands for a client of which only this procedure is called.
    await openStudy({ studies: { get } } as unknown as Client, 's1')
    expect(useApp.getState().failure?.message).toBe('The connection to the engine was lost.')
  })
})

describe('errors of the engine', () => {
  it('arrive with what, where and what to do', async () => {
    const { client } = fixtureConnection()
    const error = await client.files.fromPath({ path: 'relative' }).catch(asErrorData)
    expect(error).toEqual({
      code: 'not-found',
      message: 'There is no such file or folder.',
      where: 'relative',
      action: 'Give the whole path, from the root.',
    })
  })

  it('are tried again ever more slowly, at most every five seconds', () => {
    expect([0, 1, 2, 3, 4, 5, 9].map(reconnectDelay)).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000])
  })
})

describe('useQuery', () => {
  it('keeps the old answer on the screen while a new one is fetched', async () => {
    const answers = ['one', 'two']
    let release = () => {}
    const fetcher = vi.fn(async () => {
      if (fetcher.mock.calls.length > 1) {
        await new Promise<void>(resolve => {
          release = resolve
        })
      }
      return answers[fetcher.mock.calls.length - 1]
    })
    function Shown() {
      const query = useQuery('study/x', fetcher)
      return <output>{`${query.data ?? 'none'}${query.loading ? ' …' : ''}`}</output>
    }
    render(
      <ConnectionContext value={fixtureConnection()}>
        <Shown />
      </ConnectionContext>,
    )
    await waitFor(() => expect(screen.getByRole('status').textContent).toBe('one'))
    act(() => invalidate('study/'))
    await waitFor(() => expect(screen.getByRole('status').textContent).toBe('one …'))
    act(() => release())
    await waitFor(() => expect(screen.getByRole('status').textContent).toBe('two'))
    expect(fetcher).toHaveBeenCalledTimes(2)
  })
})
