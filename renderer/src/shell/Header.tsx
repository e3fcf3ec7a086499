import { ActionIcon, Indicator, Menu, Tooltip } from '@mantine/core'
import { spotlight } from '@mantine/spotlight'
import { EllipsisVertical, Moon, Rows3, Search, Sun } from 'lucide-react'
import { ActionButton } from '../actions/ActionButton'
import { ActionItems, Shortcut } from '../actions/ActionMenu'
import { currentScreen } from '../actions/action'
import { actionById, perform } from '../actions/actions'
import { isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openJobs, useUi } from '../store/ui'
import { useDark } from '../ui/useDark'
import { Mark } from './Mark'
import { StudySwitcher } from './StudySwitcher'
import classes from './shell.module.css'

const MORE = ['report', 'table-csv', 'table-json', 'measure-missing', 'settings', 'keys']

/** Study, what can be added to it, and the tools of the window. */
export function Header() {
  const hasModel = useApp(s => (s.study?.variants.length ?? 0) > 0)
  return (
    <header className={classes.header}>
      <div className={classes.brand}>
        <Mark />
        Bantam
      </div>
      <span className={classes.slash} aria-hidden>
        /
      </span>
      <StudySwitcher />
      <div className={classes.push} />
      <button
        type="button"
        className={classes.search}
        aria-label="Find an action"
        onClick={() => spotlight.open()}
      >
        <Search size={13} aria-hidden />
        <span className={classes.searchText}>
          Find an action
          <Shortcut keys="mod+K" />
        </span>
      </button>
      <div className={classes.divider} />
      <ActionButton id="import-model" label="Model" variant="subtle" />
      <ActionButton id="import-data" label="Data" variant="subtle" disabled={!hasModel} />
      <ActionButton id="distil" label="Distil" variant="subtle" disabled={!hasModel} />
      <ActionButton id="prune" label="Prune" variant="subtle" disabled={!hasModel} />
      <ActionButton id="quantize" label="Quantize" variant="subtle" disabled={!hasModel} />
      <ActionButton id="new-variant" label="New variant" variant="filled" disabled={!hasModel} />
      <div className={classes.divider} />
      <JobsButton />
      <ThemeButton />
      <Menu position="bottom-end" width={270}>
        <Menu.Target>
          <ActionIcon aria-label="More">
            <EllipsisVertical size={17} strokeWidth={1.8} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <ActionItems actions={MORE.map(actionById)} />
        </Menu.Dropdown>
      </Menu>
    </header>
  )
}

function JobsButton() {
  const active = useApp(s => s.jobs.filter(isActive).length)
  const failed = useApp(s => s.jobs.some(j => j.state === 'failed'))
  const label = active > 0 ? `Jobs: ${active} under way` : 'Jobs'
  return (
    <Indicator
      disabled={active === 0 && !failed}
      label={active > 0 ? active : undefined}
      size={active > 0 ? 15 : 8}
      offset={5}
      color={active > 0 ? 'iris' : 'var(--bt-worse)'}
    >
      <Tooltip label={`${label} (J)`}>
        <ActionIcon
          aria-label={label}
          onClick={() => (useUi.getState().jobsOpen ? useUi.setState({ jobsOpen: false }) : openJobs())}
        >
          <Rows3 size={17} strokeWidth={1.8} aria-hidden />
        </ActionIcon>
      </Tooltip>
    </Indicator>
  )
}

function ThemeButton() {
  const client = useClient()
  const dark = useDark()
  const action = actionById('theme')
  const Icon = dark ? Sun : Moon
  return (
    <Tooltip label={`${dark ? 'Light' : 'Dark'} theme (T)`}>
      <ActionIcon aria-label={action.label} onClick={() => perform(action, currentScreen(client))}>
        <Icon size={17} strokeWidth={1.8} aria-hidden />
      </ActionIcon>
    </Tooltip>
  )
}
