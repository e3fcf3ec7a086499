import classes from './graph.module.css'
import type { GraphMark } from './graph-look'

/** Signs of a node: numbers of pairs, or that it differs. */
export function Marks({ marks }: { marks: readonly GraphMark[] }) {
  return marks.map(mark => (
    <span
      key={mark.text}
      className={classes.mark}
      data-quiet={mark.quiet}
      style={mark.quiet ? { color: mark.color } : { background: mark.color }}
    >
      {mark.text}
    </span>
  ))
}
