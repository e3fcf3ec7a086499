import { formatBytes, formatMs, formatShare } from '../../../shared/format'
import { lossText } from '../ui/losses'
import classes from './search.module.css'
import type { Searched, TrialPoint } from './search-points'
import { settingsText } from './trial-words'

/** One trial beside the pointer. */
export function SearchTip({ search, point }: { search: Searched; point: TrialPoint }) {
  const trial = search.trials[point.trial]
  if (!trial) return null
  const named = (ids: readonly string[]) => `${ids.slice(0, 4).join(', ')}${ids.length > 4 ? ', …' : ''}`
  const settings = settingsText(trial)
  return (
    <div className={classes.tip}>
      <strong>
        Trial {point.trial + 1}
        {point.best && ', the best'}
      </strong>
      <span>{lossText(trial.drop, search.metric)}</span>
      <span>
        {trial.milliseconds !== null && `${formatMs(trial.milliseconds)}, `}
        {formatBytes(trial.sizeBytes)}, {formatShare(trial.macs, 1)} of the MACs in 8 bits
      </span>
      {settings && <span>{settings}</span>}
      {trial.float.length > 0 && <span>in float: {named(trial.float)}</span>}
      {trial.wide.length > 0 && <span>16 bits: {named(trial.wide)}</span>}
    </div>
  )
}
