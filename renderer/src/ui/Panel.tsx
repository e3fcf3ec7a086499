import type { CSSProperties, ReactNode } from 'react'
import classes from './ui.module.css'

interface PanelProps {
  /** Short heading; with `actions` at its right. */
  title?: ReactNode
  actions?: ReactNode
  children: ReactNode
  /** Without inner padding, for tables and charts that reach the edges. */
  flush?: boolean
  style?: CSSProperties
  label?: string
}

/** A bordered surface with an optional heading row. */
export function Panel({ title, actions, children, flush = false, style, label }: PanelProps) {
  return (
    <section className={classes.panel} style={style} aria-label={label}>
      {(title !== undefined || actions !== undefined) && (
        <SectionHeader title={title} actions={actions} inPanel />
      )}
      <div className={flush ? classes.panelFlush : classes.panelBody}>{children}</div>
    </section>
  )
}

interface SectionHeaderProps {
  title: ReactNode
  detail?: ReactNode
  actions?: ReactNode
  inPanel?: boolean
}

/** Heading of a part of a screen, with a dimmed detail and actions at the right. */
export function SectionHeader({ title, detail, actions, inPanel = false }: SectionHeaderProps) {
  return (
    <header className={inPanel ? `${classes.header} ${classes.headerInPanel}` : classes.header}>
      <h3 className={classes.headerTitle}>{title}</h3>
      {detail !== undefined && <span className={classes.headerDetail}>{detail}</span>}
      {actions !== undefined && <div className={classes.headerActions}>{actions}</div>}
    </header>
  )
}
