/** How a search for mixed precision went, as a table for a terminal. */
import type { Plan } from '../../shared/domain'
import { formatBytes } from '../../shared/format'
import { QuantizeSearch, type SearchTrial } from '../../shared/quantize'
import { columns, plain } from './terminal'

const MOST_ROWS = 12
/** Layers named in a row. */
const NAMED = 3

/** The trials, with the best marked, and an empty line; nothing where a plan was not searched for. */
export function searchTable({ decisions }: Plan): string[] {
  const parsed = QuantizeSearch.safeParse(decisions.search)
  if (!parsed.success) return []
  const { trials, best, metric } = parsed.data
  // The first, the best and the last tell most.
  const first = trials.slice(0, trials.length > MOST_ROWS ? MOST_ROWS - 1 : MOST_ROWS)
  const winner = trials[best]
  const shown = winner && !first.includes(winner) ? [...first, winner] : first
  const rows = shown.map(trial => [
    trial === winner ? '→' : '',
    String(trials.indexOf(trial) + 1),
    metric === 'rmse' ? trial.value.toPrecision(4) : `${(100 * trial.value).toFixed(2)} %`,
    metric === 'rmse' ? trial.drop.value.toPrecision(3) : (100 * trial.drop.value).toFixed(2),
    trial.milliseconds === null ? '–' : `${trial.milliseconds.toPrecision(3)} ms`,
    formatBytes(trial.sizeBytes),
    `${Math.round(100 * trial.macs)} %`,
    different(trial),
  ])
  const head = ['', 'trial', metric, 'lost', 'latency', 'size', 'work in 8 bits', 'what']
  const rest = trials.length - shown.length
  return [
    columns([head, ...rows], [1, 2, 3, 4, 5, 6]),
    ...(rest > 0 ? [`… and ${rest} more, in the JSON`] : []),
    '',
  ]
}

/** `all in 8 bits, equalize`, `float: conv1, conv2`. */
function different({ float, wide, settings = {} }: SearchTrial): string {
  const changes = Object.entries(settings).map(([name, value]) =>
    value === true ? name : `${name} ${String(value)}`,
  )
  const parts = [
    ...(float.length > 0 ? [`float: ${named(float)}`] : []),
    ...(wide.length > 0 ? [`16 bits: ${named(wide)}`] : []),
  ]
  return [...(parts.length > 0 ? parts : ['all in 8 bits']), ...changes].map(plain).join(', ')
}

function named(ids: readonly string[]): string {
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : ''
  return `${ids.slice(0, NAMED).join(', ')}${more}`
}
