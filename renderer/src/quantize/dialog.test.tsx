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
import { startSession } from '../store/session'
import { initialUi, openDialog, useUi } from '../store/ui'
import { QuantizeDialog } from './QuantizeDialog'
import { SearchDialog } from './SearchDialog'

// jsdom lays nothing out: lists that show only what is in view get a height to be in view of.
for (const side of ['clientHeight', 'clientWidth', 'offsetHeight', 'offsetWidth']) {
  Object.defineProperty(HTMLElement.prototype, side, { configurable: true, value: 800 })
}

type Created = Parameters<Client['variants']['create']>[0]

interface Shown {
  study?: Study
  technique?: string
  options?: Record<string, unknown>
  layer?: string
  parent?: string
  measured?: boolean
}

let stop = () => {}
let connectionShown: ReturnType<typeof fixtureConnection>

/** Renders the dialog over a session; what it asks to be made is in `created`. */
function show({
  study: shown = study,
  technique,
  options,
  layer,
  parent = 'v0',
  measured = false,
}: Shown = {}) {
  useApp.setState({ study: shown, studyId: shown.id, selection: ['v0'] })
  useApp.setState({ info: { version: '0', shell: 'host', hardware, devices: [], techniques } })
  openDialog({ kind: 'quantize', parent })
  const base = fixtureConnection({ pace: 5, stride: 0.4, study: shown, measured })
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
  const connection = { ...base, client }
  connectionShown = connection
  stop = startSession(connection, () => {})
  render(
    <MantineProvider env="test">
      <ConnectionContext value={connection}>
        <QuantizeDialog parent={parent} technique={technique} options={options} layer={layer} />
      </ConnectionContext>
    </MantineProvider>,
  )
  return created
}

const button = (name: string | RegExp) => screen.getByRole('button', { name })
const tiles = () => within(screen.getByLabelText('What the quantized model would be'))
const list = () => screen.findByRole('listbox', { name: 'Layers' })
const options = async () => within(await list()).getAllByRole('option')

// Searching by role is slow in jsdom, more so on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

beforeEach(() => {
  clearQueries()
  useApp.setState(initialState, true)
  useUi.setState(initialUi, true)
})
afterEach(() => {
  stop()
  cleanup()
})

describe('quantizing to 8 bits', () => {
  it('tries what is chosen, and starts it', async () => {
    const created = show()
    expect(await tiles().findByText('99.0 % → 87.2 %')).toBeTruthy()
    expect(tiles().getByText('100.0 % of the MACs')).toBeTruthy()
    fireEvent.click(button('Start'))
    await waitFor(() => expect(useUi.getState().dialog).toBeNull())
    expect(created[0]).toMatchObject({
      parent: 'v0',
      name: 'Static int8',
      step: {
        technique: 'quantize.static-int8',
        options: { calibration: 'minmax', exclude: [], overrides: [] },
      },
    })
  })

  it('shows layers as they are measured, and goes through them by keyboard: X leaves one in float', async () => {
    const created = show()
    fireEvent.click(await screen.findByRole('button', { name: 'Measure sensitivity' }))
    // Half of them are there at once, the others when the job is done.
    await waitFor(() => expect(useApp.getState().jobs[0]?.state).toBe('done'), { timeout: 20_000 })
    await waitFor(async () => expect(await options()).toHaveLength(5), { timeout: 10_000 })
    const layers = await list()
    const [worst, second] = await options()
    expect(worst?.textContent).toContain('features/conv1')
    expect(worst?.textContent).toContain('8.4 pt')
    expect(worst?.getAttribute('aria-selected')).toBe('true')
    expect(await screen.findByText(/Its input has outliers/)).toBeTruthy()
    fireEvent.keyDown(layers, { key: 'x' })
    expect(worst?.textContent).toContain('float')
    expect(await tiles().findByText('99.0 % → 95.6 %')).toBeTruthy()
    expect(tiles().getByText('before the last change: 87.2 %')).toBeTruthy()
    fireEvent.keyDown(layers, { key: 'z', ctrlKey: true })
    expect(worst?.textContent).not.toContain('float')
    fireEvent.keyDown(layers, { key: 'y', ctrlKey: true })
    fireEvent.keyDown(layers, { key: 'ArrowDown' })
    expect(second?.getAttribute('aria-selected')).toBe('true')
    fireEvent.keyDown(layers, { key: 'End' })
    expect((await options()).at(-1)?.getAttribute('aria-selected')).toBe('true')
    fireEvent.keyDown(layers, { key: 'Enter', ctrlKey: true })
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]?.name).toBe('Static int8, 1 in float')
    expect(created[0]?.step.options?.exclude).toHaveLength(1)
  })

  it('says why a layer loses, draws where each calibration cuts, and mends by a click', async () => {
    const created = show({ measured: true })
    fireEvent.click(await screen.findByRole('button', { name: 'Calibrate by least error' }))
    const values = within(screen.getByRole('region', { name: 'Values' }))
    expect(values.getByRole('button', { name: /^least error/ }).getAttribute('aria-pressed')).toBe('true')
    fireEvent.click(values.getByRole('button', { name: /^entropy/ }))
    expect((await options())[0]?.textContent).toContain('entropy')
    fireEvent.click(values.getByText('Weights'))
    expect(values.getByRole('img', { name: 'Range of each of 64 output channels' })).toBeTruthy()
    fireEvent.click(screen.getByText('Whole network'))
    const apart = within(screen.getByRole('list', { name: 'Layers chosen otherwise' }))
    expect(apart.getByText('entropy')).toBeTruthy()
    fireEvent.click(screen.getByLabelText('Equalize layers'))
    fireEvent.click(button('Start'))
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]).toMatchObject({
      name: 'Static int8, equalized, 1 calibrated apart',
      step: { options: { equalize: true, overrides: [{ calibration: 'entropy' }] } },
    })
  })

  it('searches instead, with what may be lost', async () => {
    const created = show({ options: { equalize: true } })
    fireEvent.click(await screen.findByRole('button', { name: 'Find it for me' }))
    const search = within(screen.getByRole('region', { name: 'Search' }))
    fireEvent.change(search.getByRole('textbox', { name: 'Lose at most' }), { target: { value: '1' } })
    fireEvent.click(button('Start the search'))
    await waitFor(() => expect(created).toHaveLength(1))
    expect(created[0]).toMatchObject({
      name: 'Mixed precision, fastest within 1',
      step: { technique: 'quantize.mixed', options: { loseAtMost: 1, equalize: true } },
    })
    // The search is watched in the place of its form.
    await waitFor(() => expect(useUi.getState().dialog).toMatchObject({ kind: 'search' }))
  })

  it('draws a search while it runs, and leads to what it made', async () => {
    const created = show({ technique: 'quantize.mixed' })
    fireEvent.click(await screen.findByRole('button', { name: 'Start the search' }))
    await waitFor(() => expect(created).toHaveLength(1))
    const dialog = await waitFor(() => {
      const open = useUi.getState().dialog
      if (open?.kind !== 'search') throw new Error('The search is not open yet')
      return open
    })
    cleanup()
    render(
      <MantineProvider env="test">
        <ConnectionContext value={connectionShown}>
          <SearchDialog job={dialog.job} />
        </ConnectionContext>
      </MantineProvider>,
    )
    const trials = within(await screen.findByRole('region', { name: 'Trials of the search' }))
    expect(await trials.findByText(/^\d+ models? tried on 1,000 samples/)).toBeTruthy()
    expect(await trials.findByText(/^The best has .* in float/)).toBeTruthy()
    const better = within(screen.getByRole('region', { name: 'Improvements' }))
    expect(better.getAllByRole('row').length).toBeGreaterThan(1)
    fireEvent.click(await screen.findByRole('button', { name: 'Show the variant' }))
    expect(useUi.getState().dialog).toBeNull()
  })

  it('hears keys when the focus is lost with a button that went', async () => {
    show()
    await tiles().findByText('99.0 % → 87.2 %')
    fireEvent.keyDown(document.body, { key: 'Escape' })
    expect(useUi.getState().dialog).toBeNull()
  })

  it('begins at a layer, and from the options of a recipe; says in place why it cannot', async () => {
    show({
      layer: '/features/conv3/Conv',
      options: { exclude: ['*Conv', '*Gemm'] },
      measured: true,
    })
    expect(await screen.findByText('Nothing in this model can run in int8.')).toBeTruthy()
    expect(button('Start').hasAttribute('disabled')).toBe(true)
    const chosen = (await options()).find(o => o.getAttribute('aria-selected') === 'true')
    expect(chosen?.textContent).toContain('features/conv3')
    // A pattern leaves it in float: that is taken back in the options, not here.
    expect(screen.getByLabelText('Leave in float').hasAttribute('disabled')).toBe(true)
  })

  it('says what is missing: data, and a model in floating point', async () => {
    show({ study: { ...study, datasets: [] } })
    fireEvent.click(button('Import data…'))
    expect(useUi.getState().dialog).toMatchObject({
      kind: 'import-data',
      next: { kind: 'quantize', parent: 'v0' },
    })
    stop()
    cleanup()
    show({ parent: 'v1' })
    expect(await screen.findByText(/is quantized already/)).toBeTruthy()
    expect(button('Quantize digits-cnn anew')).toBeTruthy()
    // Its own choices are where it goes on from.
    fireEvent.click(button('Go on from its choices'))
    expect(await screen.findByLabelText('What the quantized model would be')).toBeTruthy()
  })
})
