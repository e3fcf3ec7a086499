import { formatBytes, formatMs, formatShare } from '../../../shared/format'
import { dropText } from '../ui/losses'
import classes from './search.module.css'
import { improvements, type Searched } from './search-points'
import { trialText } from './trial-words'

/** The trials that were better than all before, the newest first. */
export function Improvements({ search }: { search: Searched }) {
  const rows = improvements(search)
  return (
    <section
      className={classes.improvements}
      aria-label="Improvements"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolling by keyboard
      tabIndex={0}
    >
      {rows.length === 0 && (
        <p className={classes.none}>What is better than before stands here, newest first.</p>
      )}
      {rows.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Trial</th>
              <th scope="col">Lost</th>
              <th scope="col">Time</th>
              <th scope="col">Size</th>
              <th scope="col">MACs in 8 bits</th>
              <th scope="col">What</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ place, trial }) => (
              <tr key={place} data-best={place === search.best || undefined}>
                <td>{place + 1}</td>
                <td data-lost={!trial.allowed || undefined}>{dropText(trial.drop.value, search.metric)}</td>
                <td>{trial.milliseconds === null ? 'not timed' : formatMs(trial.milliseconds)}</td>
                <td>{formatBytes(trial.sizeBytes)}</td>
                <td>{formatShare(trial.macs, 1)}</td>
                <td>{trialText(trial)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
