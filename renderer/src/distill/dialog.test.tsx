import { MantineProvider } from '@mantine/core'
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Study } from '../../../shared/domain'
import type { Client } from '../client'
import { fixtureConnection } from '../fixtures/client'
import { hardware, study } from '../fixtures/study'
import { techniques } from '../fixtures/techniques'
import { type AppInfo, initialState, useApp } from '../store/app'
import { ConnectionContext } from '../store/connection'
import { clearQueries } from '../store/query'
import { initialUi, openDialog, useUi } from '../store/ui'
import { TrainDialog } from './TrainDialog'

// jsdom lays nothing out: lists that show only what is in view get a height to be in view of.
for (const side of ['clientHeight', 'clientWidth', 'offsetHeight', 'offsetWidth']) {
  Object.defineProperty(HTMLElement.prototype, side, { configurable: true, value: 800 })
}

const DEVICES: AppInfo['devices'] = [
  { id: 'cpu', label: 'CPU', available: true, reason: '' },
  { id: 'webgpu', label: 'GPU (WebGPU)', available: true, reason: '' },
  {
    id: 'cuda',
    label: 'NVIDIA GPU (CUDA)',
    available: false,
    reason: 'The CUDA libraries are not installed.',
  },
]

type Created = Parameters<Client['variants']['create']>[0]

/** Renders the dialog; what it asks to be made is in `created`. */
function show(technique: string, shown: Study = study) {
  useApp.setState({ study: shown, studyId: shown.id, selection: ['v0'] })
  useApp.setState({ info: { version: '0', shell: 'host', hardware, devices: DEVICES, techniques } })
  openDialog({ kind: 'train', technique, parent: 'v0' })
  const base = fixtureConnection({ pace: 0, study: shown })
  const created: Created[] = []
  const create: Client['variants']['create'] = input => {
    created.push(input)
    return base.client.variants.create(input)
  }
  const variants = new Proxy(base.client.variants, {
    get: (target, key, receiver) => (key === 'create' ? create : Reflect.get(target, key, receiver)),
  })
  const client = new Proxy(base.client, {
    get: (target, key, receiver) => (key === 'variants' ? variants : Reflect.get(target, key, receiver)),
  })
  render(
    <MantineProvider env="test">
      <ConnectionContext value={{ ...base, client }}>
        <TrainDialog technique={technique} parent="v0" />
      </ConnectionContext>
    </MantineProvider>,
  )
  return created
}

// Searching by role is slow in jsdom, more so on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

beforeEach(() => {
  clearQueries()
  useApp.setState(initialState, true)
  useUi.setState(initialUi, true)
})
afterEach(cleanup)

const noLabels: Study = { ...study, datasets: study.datasets.map(d => ({ ...d, task: 'none' as const })) }

describe('distilling', () => {
  it('tries the student, takes suggested pairs and starts the run with its control by Ctrl+Enter', async () => {
    const created = show('distill.student')
    expect(await screen.findByText('459 k → 115 k')).toBeTruthy()
    expect(screen.getByText(/of the teacher's time/)).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Suggest pairs' }))
    fireEvent.click(await screen.findByRole('button', { name: 'Add the best 3' }))
    expect(screen.getAllByLabelText(/^Remove pair/)).toHaveLength(3)
    fireEvent.click(screen.getByLabelText('Remove pair 2'))
    expect(screen.getByText('2 trainings')).toBeTruthy()

    fireEvent.keyDown(screen.getByLabelText('Name'), { key: 'Enter', ctrlKey: true })
    await waitFor(() => expect(useUi.getState()).toMatchObject({ dialog: null, tab: 'training' }))
    expect(created.map(c => c.name)).toEqual(['Student ×0.5', 'Student ×0.5 without teacher'])
    expect(created[0]).toMatchObject({
      parent: 'v0',
      seed: 0,
      step: { technique: 'distill.student', options: { student: 'slim:0.5', loss: 'kd', epochs: 10 } },
    })
    expect(created[0]?.step.options?.features).toHaveLength(2)
    expect(created[1]?.step.options).toMatchObject({ loss: 'none', labelWeight: 1, features: [] })
    const run = useUi.getState().run
    expect(run).toEqual({ variant: 'v0', run: `job:${useApp.getState().jobs.at(-1)?.id}` })
  })

  it('says in place why a student cannot be made, and does not start it', async () => {
    show('distill.student')
    await screen.findByText('459 k → 115 k')
    fireEvent.click(screen.getByLabelText('Shallower'))
    fireEvent.change(screen.getByRole('textbox', { name: 'Blocks kept of each stage' }), {
      target: { value: '7' },
    })
    expect(await screen.findByText(/stages of at most 2 blocks; depth:7 keeps more/)).toBeTruthy()
    expect(screen.getByRole('button', { name: 'Start' }).hasAttribute('disabled')).toBe(true)
  })

  it('learns from the teacher alone where there are no labels', async () => {
    const created = show('distill.student', noLabels)
    expect(screen.getByText(/The data has no labels/)).toBeTruthy()
    const control = screen.getByRole('switch', { name: /without the teacher/ })
    expect(control).toMatchObject({ disabled: true, checked: false })
    await screen.findByText('459 k → 115 k')
    fireEvent.click(screen.getByRole('button', { name: 'Start' }))
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]?.step.options).toMatchObject({ labelWeight: 0 })
  })

  it('asks for data where the study has none', () => {
    show('distill.student', { ...study, datasets: [] })
    fireEvent.click(screen.getByRole('button', { name: 'Import data…' }))
    expect(useUi.getState().dialog).toMatchObject({ kind: 'import-data', next: { kind: 'train' } })
  })

  it('makes a pair from the two lists by keyboard, and Escape goes back to the form', async () => {
    show('distill.student')
    await screen.findByText('459 k → 115 k')
    fireEvent.click(screen.getByRole('button', { name: 'Pick on the graphs…' }))
    const teacher = await screen.findByRole('combobox', { name: 'Search values of the teacher' })
    const student = screen.getByRole('combobox', { name: 'Search values of the student' })
    fireEvent.change(teacher, { target: { value: 'relu2' } })
    await waitFor(() => expect(screen.getByText('1 of 12')).toBeTruthy())
    fireEvent.keyDown(teacher, { key: 'Enter' })
    expect(screen.getByText(/relu2\/Relu of the teacher is chosen/)).toBeTruthy()
    fireEvent.keyDown(student, { key: 'ArrowDown' })
    fireEvent.keyDown(student, { key: 'Enter' })
    const strip = screen.getByRole('list', { name: 'Pairs' })
    expect(within(strip).getByText('Hint')).toBeTruthy()
    expect(within(strip).getByText(/relu1\/Relu/)).toBeTruthy()
    fireEvent.keyDown(student, { key: 'Escape' })
    expect(await screen.findByLabelText('Remove pair 1')).toBeTruthy()
    expect(useUi.getState().dialog?.kind).toBe('train')
    fireEvent.keyDown(screen.getByLabelText('Name'), { key: 'Escape' })
    expect(useUi.getState().dialog).toBeNull()
  })
})

describe('fine-tuning', () => {
  it('runs on the device that is chosen; one that is not there says why and cannot be', async () => {
    const created = show('train.labels')
    // By label: asking for roles takes seconds in a dialog of this size.
    const device = screen.getByLabelText('Device', { selector: 'input' })
    expect(device).toHaveProperty('value', 'CPU')
    fireEvent.click(device)
    fireEvent.click(screen.getByText('The CUDA libraries are not installed.'))
    expect(device).toHaveProperty('value', 'CPU')
    fireEvent.click(screen.getByText('GPU (WebGPU)'))
    fireEvent.keyDown(screen.getByLabelText('Name'), { key: 'Enter', ctrlKey: true })
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]?.device).toBe('webgpu')
  })

  it('has the options of training alone, and repeats with seeds', async () => {
    const created = show('train.labels')
    expect(screen.queryByText('Feature losses')).toBeNull()
    expect(screen.queryByRole('switch', { name: /without the teacher/ })).toBeNull()
    fireEvent.change(screen.getByLabelText('Repeat with'), { target: { value: '2 seeds' } })
    fireEvent.click(screen.getByRole('button', { name: 'Start' }))
    await waitFor(() => expect(created).toHaveLength(2))
    expect(created.map(c => [c.name, c.seed])).toEqual([
      ['digits-cnn, tuned, seed 0', 0],
      ['digits-cnn, tuned, seed 1', 1],
    ])
    expect(created[0]?.step.options).toMatchObject({ loss: 'auto', epochs: 5 })
  })

  it('needs labels', () => {
    show('train.labels', noLabels)
    expect(screen.getByText(/Fine-tuning learns from labels/)).toBeTruthy()
    expect(screen.getByRole('button', { name: 'Start' }).hasAttribute('disabled')).toBe(true)
  })
})
