import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import classes from './ui.module.css'

interface EmptyStateProps {
  icon: LucideIcon
  title: string
  /** What to do next, one or two sentences. */
  children: ReactNode
  actions?: ReactNode
}

/** Stands where nothing is yet and says what to do about it. */
export function EmptyState({ icon: Icon, title, children, actions }: EmptyStateProps) {
  return (
    <div className={classes.empty}>
      <div className={classes.emptyIcon}>
        <Icon size={20} strokeWidth={1.6} aria-hidden />
      </div>
      <div className={classes.emptyTitle}>{title}</div>
      <div className={classes.emptyText}>{children}</div>
      {actions}
    </div>
  )
}
