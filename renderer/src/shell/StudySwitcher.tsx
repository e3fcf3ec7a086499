import { Menu } from '@mantine/core'
import { Check, ChevronsUpDown, FolderClosed } from 'lucide-react'
import { ActionItems } from '../actions/ActionMenu'
import { actionById } from '../actions/actions'
import { useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openStudy } from '../store/session'
import { notifyError } from '../ui/notify'
import { colors } from '../ui/theme'
import classes from './shell.module.css'

const STUDY_MENU = ['new-study', 'sample-study', 'spam-study', 'rename-study', 'remove-study']

/** Name of the study; opens the list of studies and what can be done with them. */
export function StudySwitcher() {
  const client = useClient()
  const studies = useApp(s => s.studies)
  const studyId = useApp(s => s.studyId)
  const name = studies?.find(s => s.id === studyId)?.name ?? (studies?.length === 0 ? 'No study' : '…')
  return (
    <Menu position="bottom-start" width={300}>
      <Menu.Target>
        <button type="button" className={classes.studyButton} aria-label={`Study: ${name}`}>
          <span className="ellipsis">{name}</span>
          <ChevronsUpDown size={14} color={colors.faint} style={{ flex: 'none' }} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Studies</Menu.Label>
        <div style={{ maxHeight: 320, overflow: 'auto' }}>
          {(studies ?? []).map(study => (
            <Menu.Item
              key={study.id}
              leftSection={
                study.id === studyId ? (
                  <Check size={15} color={colors.accent} aria-hidden />
                ) : (
                  <FolderClosed size={15} aria-hidden />
                )
              }
              rightSection={<span style={{ color: colors.dim, fontSize: 12 }}>{study.variants}</span>}
              onClick={() => {
                openStudy(client, study.id).catch(notifyError)
              }}
            >
              {study.name}
            </Menu.Item>
          ))}
        </div>
        <Menu.Divider />
        <ActionItems actions={STUDY_MENU.map(actionById)} />
      </Menu.Dropdown>
    </Menu>
  )
}
