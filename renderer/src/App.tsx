import { useEffect } from 'react'
import { teacherOf, useApp } from './store/app'
import { useConnection } from './store/connection'
import { startSession } from './store/session'
import { useUi } from './store/ui'
import { TABS } from './tabs'

/** The one window. */
export function App() {
  const connection = useConnection()
  const study = useApp(s => s.study)
  const selection = useApp(s => s.selection)
  const tab = useUi(s => s.tab)
  useEffect(() => startSession(connection, () => {}), [connection])
  const reference = teacherOf(study)
  const variant = study?.variants.find(v => v.id === selection[0]) ?? reference
  const shown = TABS.find(t => t.id === tab)
  if (!study || !reference || !variant || !shown) return null
  return shown.render({ study, variant, reference })
}
