import { MantineProvider } from '@mantine/core'
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Study } from '../../../shared/domain'
import type { Client } from '../client'
import { fixtureConnection } from '../fixtures/client'
import { hardware, study } from '../fixtures/study'
import { techniques } from '../fixtures/techniques'
import { initialState, useApp } from '../store/app'
import { ConnectionContext } from '../store/connection'
import { clearQueries } from '../store/query'
import { initialUi, openDialog, useUi } from '../store/ui'
import { PruneDialog } from './PruneDialog'

// jsdom lays nothing out: lists that show only what is in view get a height to be in view of.
for (const side of ['clientHeight', 'clientWidth', 'offsetHeight', 'offsetWidth']) {
  Object.defineProperty(HTMLElement.prototype, side, { configurable: true, value: 800 })
}

type Created = Parameters<Client['variants']['create']>[0]

interface Shown {
  study?: Study
  technique?: string
  options?: Record<string, unknown>
}

/** Renders the dialog; what it asks to be made is in `created`. */
function show({ study: shown = study, technique, options }: Shown = {}) {
  useApp.setState({ study: shown, studyId: shown.id, selection: ['v0'] })
  useApp.setState({ info: { version: '0', shell: 'host', hardware, devices: [], techniques } })
  openDialog({ kind: 'prune', parent: 'v0' })
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
        <PruneDialog parent="v0" technique={technique} options={options} />
      </ConnectionContext>
    </MantineProvider>,
  )
  return created
}

const start = () => screen.getByRole('button', { name: 'Start' })
const handle = (layer: string) => screen.findByRole('slider', { name: `Share kept of ${layer}` })
const shares = (created: readonly Created[]) => created[0]?.step.options?.widths

// Searching by role is slow in jsdom, more so on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

beforeEach(() => {
  clearQueries()
  useApp.setState(initialState, true)
  useUi.setState(initialUi, true)
})
afterEach(cleanup)

const noData: Study = { ...study, datasets: [] }
const noLabels: Study = { ...study, datasets: study.datasets.map(d => ({ ...d, task: 'none' as const })) }

describe('pruning', () => {
  it('shows the plan before it is run, and starts with recovery from the original', async () => {
    const created = show()
    const preview = screen.getByLabelText('What the pruned model would be')
    expect(await within(preview).findByText('459 k → 328 k')).toBeTruthy()
    expect(within(preview).getByText('1.3× to 1.4× faster')).toBeTruthy()
    fireEvent.click(start())
    await waitFor(() => expect(useUi.getState()).toMatchObject({ dialog: null, tab: 'training' }))
    expect(created[0]).toMatchObject({
      parent: 'v0',
      name: 'Channels −50 % MACs',
      step: {
        technique: 'prune.channels',
        options: { amount: 0.5, target: 'macs', widths: [], recovery: 'distill', recover: 3 },
      },
    })
  })

  it('takes shares by keyboard, back by Ctrl+Z, and gives them back by Delete', async () => {
    const created = show()
    const conv2 = await handle('features/conv2')
    expect(conv2.getAttribute('aria-valuetext')).toBe('69 %, 44 of 64 channels, by the plan')
    fireEvent.keyDown(conv2, { key: 'ArrowLeft' })
    expect(conv2.getAttribute('aria-valuetext')).toBe('67 %, 43 of 64 channels, by hand')
    fireEvent.keyDown(conv2, { key: 'PageUp' })
    expect(conv2.getAttribute('aria-valuenow')).toBe('77')
    fireEvent.keyDown(conv2, { key: 'Home' })
    expect(conv2.getAttribute('aria-valuetext')).toContain('7 of 64')
    fireEvent.blur(conv2)
    const fc1 = await handle('classifier/fc1')
    fireEvent.keyDown(fc1, { key: 'End' })
    expect(fc1.getAttribute('aria-valuenow')).toBe('100')
    fireEvent.keyDown(fc1, { key: 'z', ctrlKey: true })
    expect(fc1.getAttribute('aria-valuetext')).toContain('by the plan')
    fireEvent.keyDown(fc1, { key: 'z', ctrlKey: true })
    expect(conv2.getAttribute('aria-valuetext')).toContain('by the plan')
    fireEvent.keyDown(fc1, { key: 'y', ctrlKey: true })
    expect(conv2.getAttribute('aria-valuetext')).toContain('7 of 64')
    fireEvent.keyDown(conv2, { key: 'Delete' })
    expect(conv2.getAttribute('aria-valuetext')).toContain('by the plan')
    fireEvent.keyDown(conv2, { key: 'z', ctrlKey: true })
    fireEvent.keyDown(conv2, { key: 'Enter', ctrlKey: true })
    await waitFor(() => expect(shares(created)).toEqual([{ group: 'group 2', keep: 0.1094 }]))
    expect(created[0]?.name).toBe('Channels −50 % MACs, 1 by hand')
  })

  it('takes shares by a drag; resets one by a double click, and all at once', async () => {
    show()
    const conv1 = await handle('features/conv1')
    const track = conv1.parentElement
    if (!track) throw new Error('The handle has no track')
    track.getBoundingClientRect = () => new DOMRect(100, 0, 200, 20)
    fireEvent.pointerDown(track, { button: 0, buttons: 1, clientX: 150 })
    expect(conv1.getAttribute('aria-valuetext')).toBe('25 %, 8 of 32 channels, by hand')
    fireEvent.pointerMove(track, { buttons: 1, clientX: 200 })
    fireEvent.pointerMove(track, { buttons: 1, clientX: 250 })
    fireEvent.pointerUp(track)
    expect(conv1.getAttribute('aria-valuetext')).toBe('75 %, 24 of 32 channels, by hand')
    fireEvent.click(screen.getByRole('button', { name: 'Undo' }))
    expect(conv1.getAttribute('aria-valuetext')).toContain('by the plan')
    fireEvent.pointerDown(track, { button: 0, buttons: 1, clientX: 150 })
    fireEvent.pointerUp(track)
    fireEvent.doubleClick(track)
    expect(conv1.getAttribute('aria-valuetext')).toContain('by the plan')
    fireEvent.keyDown(conv1, { key: 'End' })
    fireEvent.click(screen.getByRole('button', { name: 'Reset all' }))
    expect(conv1.getAttribute('aria-valuetext')).toContain('by the plan')
  })

  it('asks for a latency as so many times faster', async () => {
    const created = show({ options: { amount: 0.5, target: 'latency', recovery: 'distill', recover: 0 } })
    const faster = screen.getByRole('textbox', { name: 'Make it' })
    expect(faster).toHaveProperty('value', '2×')
    fireEvent.change(faster, { target: { value: '4×' } })
    await screen.findByText('459 k → 328 k')
    fireEvent.click(start())
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]).toMatchObject({
      name: 'Channels 4× faster',
      step: { options: { amount: 0.75, target: 'latency', recover: 0 } },
    })
    // No training: there are no curves to go to.
    expect(useUi.getState().tab).toBe('overview')
  })

  it('says in place why there is no plan, and does not start', async () => {
    show({ technique: 'prune.heads' })
    expect(await screen.findByText('digits-cnn has no heads of attention to take out.')).toBeTruthy()
    expect(screen.getByText('Prune channels instead.')).toBeTruthy()
    expect(start().hasAttribute('disabled')).toBe(true)
    fireEvent.click(screen.getByRole('radio', { name: /^Channels/ }))
    await screen.findByText('459 k → 328 k')
    expect(start().hasAttribute('disabled')).toBe(false)
  })

  it('works without data where nothing looks at any, and says what is missing where it does', async () => {
    const created = show({ study: noData })
    await screen.findByText('459 k → 328 k')
    expect(screen.getByRole('button', { name: 'Measure sensitivity' }).hasAttribute('disabled')).toBe(true)
    fireEvent.click(start())
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]?.step.options).toMatchObject({ recovery: 'distill', recover: 0 })
    cleanup()
    show({ study: noData, options: { importance: 'taylor', recover: 0, recovery: 'distill' } })
    expect(
      screen.getAllByText(/Taylor looks at samples, and this study has no data yet/).length,
    ).toBeGreaterThan(0)
    expect(start().hasAttribute('disabled')).toBe(true)
    fireEvent.click(screen.getByRole('button', { name: 'Import data…' }))
    expect(useUi.getState().dialog).toMatchObject({ kind: 'import-data', next: { kind: 'prune' } })
  })

  it('does not fine-tune on labels that are not there', async () => {
    show({ study: noLabels, options: { recovery: 'labels', recover: 2 } })
    expect(screen.getByText('Needs labels, and the data has none.')).toBeTruthy()
    expect(start().hasAttribute('disabled')).toBe(true)
  })

  it('lists what is left alone with reasons, and every change in a table', async () => {
    show()
    await screen.findByText('459 k → 328 k')
    fireEvent.click(screen.getByText('Left alone (2)'))
    expect(screen.getByText('Its channels are the answers of the model.')).toBeTruthy()
    expect(screen.getByText('Gemm /classifier/fc2/Gemm')).toBeTruthy()
    fireEvent.click(screen.getByText('Table'))
    const table = screen.getByRole('grid', { name: 'Changes' })
    expect(within(table).getAllByRole('row')).toHaveLength(5)
    expect(within(table).getByText('classifier/fc1')).toBeTruthy()
  })

  it('shows the plan on the graph, from where Escape goes back to the form', async () => {
    show()
    await screen.findByText('459 k → 328 k')
    fireEvent.click(screen.getByRole('button', { name: 'On the graph' }))
    const search = await screen.findByRole('combobox', { name: 'Search nodes' })
    fireEvent.change(search, { target: { value: 'fc2' } })
    await waitFor(() => expect(screen.getByText('1 of 12')).toBeTruthy())
    fireEvent.keyDown(search, { key: 'Enter' })
    expect(screen.getByRole('status').textContent).toContain('Its channels are the answers of the model.')
    fireEvent.keyDown(search, { key: 'Escape' })
    expect(await screen.findByRole('radiogroup', { name: 'Method' })).toBeTruthy()
    fireEvent.keyDown(screen.getByLabelText('Name'), { key: 'Escape' })
    expect(useUi.getState().dialog).toBeNull()
  })

  it('starts from the options of a recipe', async () => {
    show({
      technique: 'prune.channels',
      options: { amount: 0.3, widths: [{ group: 'group 1', keep: 0.5 }], recovery: 'labels', recover: 2 },
    })
    expect((await handle('features/conv1')).getAttribute('aria-valuetext')).toContain('16 of 32')
    expect(screen.getByRole('textbox', { name: 'Recovery epochs' })).toHaveProperty('value', '2 epochs')
  })
})
