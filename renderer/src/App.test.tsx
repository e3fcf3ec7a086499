import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { fixtureConnection } from './fixtures/client'
import { study } from './fixtures/study'
import { Root } from './Root'
import { initialState, useApp } from './store/app'
import { clearQueries } from './store/query'
import { initialUi, useUi } from './store/ui'

// jsdom lays nothing out: lists that show only what is in view get a height to be in view of.
for (const side of ['clientHeight', 'clientWidth', 'offsetHeight', 'offsetWidth']) {
  Object.defineProperty(HTMLElement.prototype, side, { configurable: true, value: 800 })
}

const complaints = vi.spyOn(console, 'error')

beforeEach(() => {
  localStorage.clear()
  clearQueries()
  useApp.setState(initialState, true)
  useUi.setState(initialUi, true)
  complaints.mockClear()
})
afterEach(cleanup)

/** Searching by role is slow in jsdom, more so on a busy machine. */
const SLOW = { timeout: 15_000 }

it('shows the study, makes a variant by keyboard alone, and complains about nothing', async () => {
  render(<Root connection={fixtureConnection({ pace: 15 })} />)
  const tree = await screen.findByRole('tree', { name: 'Variants' })
  await waitFor(() => expect(within(tree).getAllByRole('treeitem')).toHaveLength(study.variants.length))
  expect(screen.getByRole('treeitem', { name: 'digits-cnn, Teacher' }).getAttribute('aria-selected')).toBe(
    'true',
  )

  fireEvent.keyDown(tree, { key: 'ArrowDown' })
  expect(useApp.getState().selection).toEqual(['v1'])

  fireEvent.keyDown(document.body, { key: 'n' })
  const dialog = await screen.findByRole('dialog', { name: 'New variant' }, SLOW)
  fireEvent.click(within(dialog).getByRole('radio', { name: /^Dynamic int8/ }))
  expect(await within(dialog).findByText(/several times slower than float/)).toBeTruthy()
  const tried = within(dialog).getByRole('region', { name: 'What the quantized model would be' })
  expect(await within(tried).findByText(/^99\.0 % → /, {}, SLOW)).toBeTruthy()
  fireEvent.change(within(dialog).getByLabelText('Name'), { target: { value: 'by keyboard' } })
  fireEvent.keyDown(within(dialog).getByRole('radio', { name: /^Dynamic int8/ }), {
    key: 'Enter',
    ctrlKey: true,
  })

  await waitFor(() => expect(useUi.getState().dialog).toBeNull(), SLOW)
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull(), SLOW)
  expect(await screen.findByText('by keyboard is ready', {}, { timeout: 10_000 })).toBeTruthy()
  const made = await screen.findByRole('treeitem', { name: 'by keyboard, Dynamic int8' })
  expect(made.getAttribute('aria-level')).toBe('3')
  expect(complaints.mock.calls).toEqual([])
}, 60_000)

it('says what to do in a study without a model', async () => {
  const empty = { ...study, variants: [], datasets: [] }
  render(<Root connection={fixtureConnection({ study: empty })} />)
  expect(await screen.findByText('Open a model to begin')).toBeTruthy()
  expect(screen.getByText('Comes after the model.')).toBeTruthy()
  fireEvent.keyDown(document.body, { key: 'n' })
  expect(useUi.getState().dialog).toBeNull()
})

it('asks for data where a technique needs it and offers to bring some in', async () => {
  render(<Root connection={fixtureConnection({ study: { ...study, datasets: [] } })} />)
  await screen.findByRole('tree', { name: 'Variants' })
  fireEvent.keyDown(document.body, { key: 'n' })
  const dialog = await screen.findByRole('dialog', { name: 'New variant' }, SLOW)
  fireEvent.click(within(dialog).getByRole('radio', { name: /^Static int8/ }))
  expect(await screen.findByText('No data yet', {}, SLOW)).toBeTruthy()
  expect(screen.queryByRole('button', { name: 'Start' })).toBeNull()
  fireEvent.click(screen.getByRole('button', { name: 'Import data…' }))
  expect(await screen.findByRole('dialog', { name: 'Import data' }, SLOW)).toBeTruthy()
  expect(useUi.getState().dialog).toMatchObject({ next: { kind: 'quantize', parent: 'v0' } })
}, 60_000)
