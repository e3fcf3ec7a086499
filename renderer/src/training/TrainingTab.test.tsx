import { MantineProvider } from '@mantine/core'
import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Job, Study } from '../../../shared/domain'
import { fixtureConnection } from '../fixtures/client'
import { makeJob, sampleJobs } from '../fixtures/jobs'
import { hardware, study, trainedStudy } from '../fixtures/study'
import { techniques } from '../fixtures/techniques'
import { JobCard } from '../jobs/JobCard'
import { initialState, useApp } from '../store/app'
import { ConnectionContext } from '../store/connection'
import { clearQueries } from '../store/query'
import { startSession } from '../store/session'
import { initialUi, useUi } from '../store/ui'
import { TrainingTab } from './TrainingTab'

function show(id: string, options: { study?: Study; jobs?: Job[]; onRecord?: () => void } = {}) {
  const shown = options.study ?? trainedStudy
  const connection = fixtureConnection({ pace: 0, study: shown, jobs: options.jobs ?? [] })
  useApp.setState({
    study: shown,
    studyId: shown.id,
    jobs: options.jobs ?? [],
    info: { version: '0', shell: 'host', hardware, devices: [], techniques },
  })
  const variant = shown.variants.find(v => v.id === id)
  const teacher = shown.variants[0]
  if (!variant || !teacher) throw new Error('Not in the fixture')
  const job: typeof connection.client.training.job = input => {
    options.onRecord?.()
    return connection.client.training.job(input)
  }
  const training = new Proxy(connection.client.training, {
    get: (target, key, receiver) => (key === 'job' ? job : Reflect.get(target, key, receiver)),
  })
  const client = new Proxy(connection.client, {
    get: (target, key, receiver) => (key === 'training' ? training : Reflect.get(target, key, receiver)),
  })
  render(
    <MantineProvider env="test">
      <ConnectionContext value={{ ...connection, client }}>
        <TrainingTab study={shown} variant={variant} reference={teacher} />
      </ConnectionContext>
    </MantineProvider>,
  )
  return connection
}

// Searching by role is slow in jsdom, more so on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

beforeEach(() => {
  clearQueries()
  useApp.setState(initialState, true)
  useUi.setState(initialUi, true)
})
afterEach(cleanup)

const paused = sampleJobs.find(j => j.training) ?? makeJob({ id: 'j5', title: 'P', state: 'paused' })

describe('Training', () => {
  it('tells how a variant was trained', async () => {
    show('v9')
    expect(await screen.findByText('16 of 20 epochs')).toBeTruthy()
    expect(screen.getByText(/Stopped early/)).toBeTruthy()
    expect(screen.getByText(/teacher 99.11 %/)).toBeTruthy()
    expect(screen.getByText('hint relu3 → relu3')).toBeTruthy()
  })

  it('compares runs and calls no winner', async () => {
    show('v9')
    const table = await screen.findByRole('table')
    fireEvent.click(within(table).getByRole('checkbox', { name: /half as wide without teacher/ }))
    await waitFor(() => expect(within(table).getAllByText('20')).toHaveLength(1))
    expect(screen.getByText(/which model is better is told by the Overview/)).toBeTruthy()
  })

  it('offers to train where nothing was trained', () => {
    show('v0', { study })
    expect(screen.getByText('digits-cnn was not trained here')).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: /Distil a student/ }))
    return waitFor(() => {
      expect(useUi.getState().dialog).toMatchObject({ kind: 'train', technique: 'distill.student' })
    })
  })

  it('shows a paused run with what can be done', async () => {
    const { client } = show('v0', { jobs: [paused] })
    expect(await screen.findByText('Epoch 7 of 20')).toBeTruthy()
    expect(screen.getByText('Paused at 31 %; its place is kept')).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Pause' })).toBeNull()
    fireEvent.click(screen.getByRole('button', { name: 'Resume' }))
    await expect.poll(async () => (await client.jobs.list())[0]?.state).toBe('running')
  })

  it('fetches a live run again when it tells of itself, at most twice a second', async () => {
    const running = { ...paused, state: 'running' as const }
    let asked = 0
    const connection = show('v0', {
      jobs: [running],
      onRecord: () => {
        asked++
      },
    })
    const stop = startSession(connection, () => {})
    await screen.findAllByText('Epoch 7 of 20')
    const before = asked
    // One at once, one for all that came meanwhile.
    await act(async () => {
      for (let i = 0; i < 20; i++) {
        connection.emit({ type: 'training', job: 'j5' })
        await new Promise(resolve => setTimeout(resolve, 10))
      }
      await new Promise(resolve => setTimeout(resolve, 700))
    })
    expect(asked - before).toBeGreaterThanOrEqual(1)
    expect(asked - before).toBeLessThanOrEqual(3)
    stop()
  })
})

describe('a training job', () => {
  function card(job: Job) {
    const connection = fixtureConnection({ pace: 0, jobs: [job] })
    render(
      <MantineProvider env="test">
        <ConnectionContext value={connection}>
          <JobCard job={job} />
        </ConnectionContext>
      </MantineProvider>,
    )
    return connection.client
  }

  it('asks before it is cancelled, and offers to keep the best instead', async () => {
    const client = card({ ...paused, state: 'running' })
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }))
    expect(await screen.findByText(/Cancelling loses .* of training/)).toBeTruthy()
    expect((await client.jobs.list())[0]?.state).toBe('running')
    fireEvent.click(screen.getByRole('button', { name: 'Cancel training' }))
    await expect.poll(async () => (await client.jobs.list())[0]?.state).toBe('cancelled')
  })

  it('opens its curves', () => {
    useApp.setState({ study, studyId: study.id, selection: ['v1', 'v2'] })
    card(paused)
    fireEvent.click(screen.getByRole('button', { name: 'Curves' }))
    expect(useApp.getState().selection).toEqual(['v1'])
    expect(useUi.getState()).toMatchObject({ tab: 'training', run: { variant: 'v1', run: 'job:j5' } })
  })
})
