import { selectOnly } from '../store/app'
import { openTab } from '../store/ui'
import { TABS } from '../tabs'
import { notifyError } from '../ui/notify'
import type { Action, Screen } from './action'
import { STUDY_ACTIONS } from './study-actions'
import { VARIANT_ACTIONS } from './variant-actions'
import { VIEW_ACTIONS } from './view-actions'

/** Digits open the tabs of the selection. */
const TAB_ACTIONS: readonly Action[] = TABS.map((tab, i) => ({
  id: `tab-${tab.id}`,
  label: `Show ${tab.title}`,
  group: 'View',
  keywords: 'tab',
  icon: tab.icon,
  shortcut: String(i + 1),
  available: ({ app }) => app.study !== null,
  run: ({ app }) => {
    // A tab shows one variant: the first of a comparison.
    if (app.selection.length > 1) selectOnly(app.selection.slice(0, 1))
    openTab(tab.id)
  },
}))

/** All actions, in the order of the palette. */
export const ACTIONS: readonly Action[] = [
  ...VARIANT_ACTIONS,
  ...STUDY_ACTIONS,
  ...TAB_ACTIONS,
  ...VIEW_ACTIONS,
]

export function actionById(id: string): Action {
  const action = ACTIONS.find(a => a.id === id)
  if (!action) throw new RangeError(`No action is called ${id}`)
  return action
}

/** Runs an action if it is available now; what it throws is shown. Returns whether it ran. */
export function perform(action: Action, screen: Screen): boolean {
  if (!action.available(screen)) return false
  Promise.resolve()
    .then(() => action.run(screen))
    .catch(notifyError)
  return true
}
