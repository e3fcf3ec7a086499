import { CloseButton } from '@mantine/core'
import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import type { ErrorData } from '../../../shared/errors'
import { colors } from './theme'
import classes from './ui.module.css'

interface ErrorNoticeProps {
  error: ErrorData
  /** Buttons: try again, choose another file. */
  actions?: ReactNode
  onClose?: () => void
}

/** What went wrong, where, and what the person can do. */
export function ErrorNotice({ error, actions, onClose }: ErrorNoticeProps) {
  return (
    <div className={classes.notice} role="alert">
      <CircleAlert size={16} color={colors.worse} style={{ marginTop: 2 }} aria-hidden />
      <div className={classes.noticeBody} style={{ display: 'flex', gap: 8 }}>
        <div style={{ flex: 1, minWidth: 0 }}>
          <div>{error.message}</div>
          {error.where && <div className={classes.noticeWhere}>{error.where}</div>}
          <div className={classes.noticeAction}>{error.action ?? defaultAction(error)}</div>
          {actions && <div className={classes.noticeButtons}>{actions}</div>}
        </div>
        {onClose && <CloseButton size="xs" aria-label="Dismiss" onClick={onClose} />}
      </div>
    </div>
  )
}

/** What to do where the engine did not say: never a dead end. */
export function defaultAction(error: ErrorData): string {
  switch (error.code) {
    case 'crashed':
      return 'Read the log, then try again. Nothing else was affected.'
    case 'internal':
      return 'This is a fault in Bantam. Try again; the log of the job says more.'
    case 'conflict':
      return 'Close the other instance or wait until it is done.'
    case 'cancelled':
      return 'Start it again when you want it.'
    case 'paused':
      return 'Resume it when you want it to go on.'
    case 'no-space':
      return 'Free some space and try again.'
    case 'bad-file':
    case 'bad-model':
    case 'bad-data':
      return 'Choose another file.'
    case 'bad-option':
    case 'gate':
      return 'Change the options and try again.'
    case 'not-found':
      return 'It may have been removed. Choose another one.'
    case 'unsupported':
      return 'Choose another technique, device or file.'
  }
}
