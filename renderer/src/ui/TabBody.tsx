import type { ReactNode } from 'react'
import classes from './TabBody.module.css'

/** The scrolling content of a tab. A size container: styles inside may ask for its width. */
export function TabBody({ children, label }: { children: ReactNode; label: string }) {
  return (
    <section className={classes.scroll} aria-label={label}>
      <div className={classes.body}>{children}</div>
    </section>
  )
}
