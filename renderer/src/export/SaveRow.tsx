import { Button, Progress } from '@mantine/core'
import { CircleCheck, Download, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { formatBytes } from '../../../shared/format'
import { ErrorNotice } from '../ui/ErrorNotice'
import classes from './export.module.css'
import type { Saving } from './useSaving'

interface SaveRowProps {
  icon: LucideIcon
  title: string
  /** What is inside, one line. */
  inside: ReactNode
  /** One button per way to save. */
  ways: readonly { label: string; saving: Saving }[]
  main?: boolean
}

/** One thing that can be saved: what is inside, how large, and afterwards under which name. */
export function SaveRow({ icon: Icon, title, inside, ways, main = false }: SaveRowProps) {
  const running = ways.find(w => w.saving.job !== null)?.saving.job
  return (
    <div className={classes.row} data-main={main || undefined}>
      <span className={classes.icon}>
        <Icon size={15} aria-hidden />
      </span>
      <div>
        <div className={classes.title}>{title}</div>
        <div className={classes.inside}>{inside}</div>
        {running && (
          <div className={classes.progress}>
            <Progress value={running.progress * 100} size="xs" aria-label={running.title} />
            <div className={classes.inside}>{running.stage || 'Waiting for its turn'}</div>
          </div>
        )}
        {ways.map(({ label, saving }) => saving.saved && <Saved key={label} {...saving.saved} />)}
      </div>
      <div className={classes.buttons}>
        {ways.map(({ label, saving }) => (
          <Button
            key={label}
            variant={main ? 'filled' : 'default'}
            leftSection={<Download size={14} />}
            loading={saving.busy}
            onClick={saving.start}
            aria-label={`${label}: ${title}`}
          >
            {label}
          </Button>
        ))}
      </div>
      {ways.map(
        ({ label, saving }) =>
          saving.error && (
            <div key={label} className={classes.wide}>
              <ErrorNotice error={saving.error} onClose={saving.dismiss} />
            </div>
          ),
      )}
    </div>
  )
}

function Saved({ name, bytes }: { name: string; bytes: number }) {
  return (
    <div className={classes.saved} role="status">
      <CircleCheck size={13} aria-hidden />
      Saved {name}, {formatBytes(bytes)}
    </div>
  )
}
