import { beforeEach, describe, expect, it, vi } from 'vitest'
import { fixtureConnection } from '../fixtures/client'
import { study } from '../fixtures/study'
import { initialState, useApp } from '../store/app'
import { initialUi, useUi } from '../store/ui'
import { currentScreen } from './action'
import { ACTIONS, actionById, perform } from './actions'
import { actionForKey, keysBelongElsewhere, matchesShortcut, shortcutKeys } from './keyboard'

const plain = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false }
const { client } = fixtureConnection({ pace: 0 })

beforeEach(() => {
  useApp.setState({ ...initialState, study, studyId: study.id, selection: ['v1'] }, true)
  useUi.setState(initialUi, true)
})

describe('shortcuts', () => {
  it('match keys with exactly their modifiers', () => {
    expect(matchesShortcut({ ...plain, key: 'n' }, 'N', false)).toBe(true)
    expect(matchesShortcut({ ...plain, key: 'N', shiftKey: true }, 'N', false)).toBe(false)
    expect(matchesShortcut({ ...plain, key: 'k', ctrlKey: true }, 'mod+K', false)).toBe(true)
    expect(matchesShortcut({ ...plain, key: 'k', ctrlKey: true }, 'mod+K', true)).toBe(false)
    expect(matchesShortcut({ ...plain, key: 'k', metaKey: true }, 'mod+K', true)).toBe(true)
    expect(matchesShortcut({ ...plain, key: '?', shiftKey: true }, '?', false)).toBe(true)
    expect(shortcutKeys('mod+K', true)).toEqual(['⌘', 'K'])
  })

  it('are each used once', () => {
    const used = ACTIONS.flatMap(a => a.shortcut ?? [])
    expect(new Set(used).size).toBe(used.length)
    expect(new Set(ACTIONS.map(a => a.id)).size).toBe(ACTIONS.length)
  })

  it('leave text fields and dialogs alone, save those that work everywhere', () => {
    document.body.innerHTML =
      '<input id="text"><input id="box" type="checkbox"><div role="dialog"><button id="b"></button></div>'
    const at = (id: string) => document.getElementById(id)
    expect([at('text'), at('box'), at('b'), document.body].map(keysBelongElsewhere)).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(actionForKey({ ...plain, key: 'n', target: at('text') }, ACTIONS)).toBeUndefined()
    expect(actionForKey({ ...plain, key: 'n', target: document.body }, ACTIONS)?.id).toBe('new-variant')
    expect(actionForKey({ ...plain, key: 'k', ctrlKey: true, target: at('text') }, ACTIONS)?.id).toBe(
      'palette',
    )
  })
})

describe('actions', () => {
  it('open dialogs about the selected variant, or the row of a menu', () => {
    perform(actionById('new-variant'), currentScreen(client))
    return vi.waitFor(() => {
      expect(useUi.getState().dialog).toEqual({ kind: 'new-variant', parent: 'v1' })
    })
  })

  it('are not there when they make no sense', () => {
    const teacher = study.variants[0]
    expect(actionById('remove-variant').available(currentScreen(client, teacher))).toBe(false)
    expect(actionById('remove-variant').available(currentScreen(client))).toBe(true)
    useApp.setState({ study: { ...study, variants: [] }, selection: [] })
    const screen = currentScreen(client)
    expect(ACTIONS.filter(a => a.group === 'Variant').some(a => a.available(screen))).toBe(false)
    expect(actionById('import-data').available(screen)).toBe(false)
    expect(actionById('import-model').available(screen)).toBe(true)
    expect(perform(actionById('import-data'), screen)).toBe(false)
  })

  it('remove a variant with what was made from it', async () => {
    const remove = vi.fn(async () => ({ removed: ['v1', 'v7'] }))
    const spied = { ...client, variants: { ...client.variants, remove } }
    // The cast stands for a client with one procedure watched.
    perform(actionById('remove-variant'), currentScreen(spied as typeof client))
    await vi.waitFor(() => expect(remove).toHaveBeenCalledWith({ id: 'v1' }))
  })

  it('put the teacher beside the selected variant', async () => {
    perform(actionById('compare-teacher'), currentScreen(client))
    await vi.waitFor(() => expect(useApp.getState().selection).toEqual(['v1', 'v0']))
  })
})
