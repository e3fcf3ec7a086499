import { MantineProvider } from '@mantine/core'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fixtureConnection } from '../fixtures/client'
import { study } from '../fixtures/study'
import { initialState, selectOnly, useApp } from '../store/app'
import { ConnectionContext } from '../store/connection'
import { clearQueries } from '../store/query'
import { initialUi, useUi } from '../store/ui'
import { SelectionPane } from './SelectionPane'

beforeEach(() => {
  localStorage.clear()
  clearQueries()
  useApp.setState({ ...initialState, study, studyId: study.id }, true)
  useUi.setState({ ...initialUi, tab: 'layers' }, true)
})
afterEach(cleanup)

function show() {
  render(
    <MantineProvider>
      <ConnectionContext.Provider value={fixtureConnection()}>
        <SelectionPane study={study} />
      </ConnectionContext.Provider>
    </MantineProvider>,
  )
}

function nameOf(id: string): string {
  return study.variants.find(v => v.id === id)?.name ?? ''
}

it('compares a variant in the tabs with the teacher, or with any other that is chosen', async () => {
  selectOnly(['v1'])
  show()
  fireEvent.click(screen.getByRole('button', { name: `Compared with ${nameOf('v0')}: change` }))
  expect(screen.queryByRole('menuitem', { name: nameOf('v1') })).toBeNull()
  fireEvent.click(await screen.findByRole('menuitem', { name: nameOf('v3') }))
  expect(await screen.findByRole('button', { name: `Compared with ${nameOf('v3')}: change` })).toBeTruthy()

  // The chosen one is not compared with itself.
  selectOnly(['v3'])
  expect(await screen.findByRole('button', { name: `Compared with ${nameOf('v0')}: change` })).toBeTruthy()
})

it('goes from the comparison of two to the tabs and back', async () => {
  selectOnly(['v1', 'v3'])
  show()
  fireEvent.click(screen.getByRole('button', { name: 'In tabs' }))
  expect(useApp.getState().selection).toEqual(['v3'])
  fireEvent.click(await screen.findByRole('button', { name: `Compared with ${nameOf('v1')}: change` }))
  fireEvent.click(await screen.findByRole('menuitem', { name: 'Side by side in a table' }))
  expect(useApp.getState().selection).toEqual(['v3', 'v1'])
  expect(await screen.findByText('Comparing 2')).toBeTruthy()
})
