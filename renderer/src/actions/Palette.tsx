import { Spotlight } from '@mantine/spotlight'
import { FolderOpen, Search } from 'lucide-react'
import { useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openStudy } from '../store/session'
import { useUi } from '../store/ui'
import { notifyError } from '../ui/notify'
import { Shortcut } from './ActionMenu'
import { type Action, currentScreen } from './action'
import { ACTIONS, perform } from './actions'
import classes from './palette.module.css'

/** All available actions, and the studies, behind one field. */
export function Palette() {
  const client = useClient()
  const studies = useApp(s => s.studies)
  // Availability follows these two stores.
  useApp()
  useUi()
  const screen = currentScreen(client)
  const shown = (group: Action['group']) =>
    ACTIONS.filter(a => a.group === group && a.id !== 'palette' && a.available(screen)).map(action => ({
      id: action.id,
      label: action.label,
      keywords: action.keywords,
      leftSection: <action.icon size={16} strokeWidth={1.8} aria-hidden />,
      rightSection: action.shortcut && <Shortcut keys={action.shortcut} />,
      onClick: () => {
        perform(action, currentScreen(client))
      },
    }))
  const switches = (studies ?? [])
    .filter(study => study.id !== screen.app.studyId)
    .map(study => ({
      id: `open-${study.id}`,
      label: `Open study: ${study.name}`,
      leftSection: <FolderOpen size={16} strokeWidth={1.8} aria-hidden />,
      onClick: () => {
        openStudy(client, study.id).catch(notifyError)
      },
    }))
  const target = screen.target ? `Variant: ${screen.target.name}` : 'Variant'
  const groups = [
    { group: target, actions: shown('Variant') },
    { group: 'Study', actions: [...shown('Study'), ...switches] },
    { group: 'View', actions: shown('View') },
    { group: 'Help', actions: shown('Help') },
  ].filter(g => g.actions.length > 0)
  return (
    <Spotlight
      actions={groups}
      shortcut={null}
      overlayProps={{ backgroundOpacity: 0.45, blur: 0 }}
      classNames={{ action: classes.action, content: classes.content }}
      nothingFound="No action is called that"
      highlightQuery
      scrollable
      maxHeight={460}
      searchProps={{
        leftSection: <Search size={16} aria-hidden />,
        placeholder: 'What do you want to do?',
        'aria-label': 'Search actions',
      }}
    />
  )
}
