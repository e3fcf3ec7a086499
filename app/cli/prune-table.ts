/** What pruning changes, as tables for a terminal. */

import { formatBytes, formatCount, formatExact } from '../../shared/format'
import { PruneDecisions } from '../../shared/prune'
import { columns, plain } from './terminal'

export interface BeforeAfter {
  before: number
  after: number
}

const MOST_ROWS = 12
const MOST_REASONS = 4

/** The parts that became smaller, the largest savings first, and how many stay for which reasons. */
export function changeTable(decisions: unknown): string {
  const { changes, declined } = PruneDecisions.parse(decisions)
  const smaller = changes
    .filter(change => change.to < change.from)
    .sort((a, b) => b.frees.macs - a.frees.macs || b.frees.parameters - a.frees.parameters)
  const table = [
    ['part', 'kind', 'before', 'after', 'parameters', 'MACs'],
    ...smaller
      .slice(0, MOST_ROWS)
      .map(({ id, kind, from, to, frees }) => [
        plain(id),
        kind,
        formatExact(from),
        formatExact(to),
        saving(frees.parameters),
        saving(frees.macs),
      ]),
  ]
  // Zeros free nothing: then those columns say nothing.
  const frees = smaller.some(change => change.frees.parameters > 0 || change.frees.macs > 0)
  const rows = frees ? table : table.map(row => row.slice(0, 4))
  const rest = smaller.length - (rows.length - 1)
  const lines = [
    columns(rows, [2, 3, 4, 5]),
    ...(rest > 0 ? [`… and ${rest} more`] : []),
    ...declinedLines(declined),
  ]
  return lines.join('\n')
}

/** Parts that may not be changed, by reason. */
function declinedLines(declined: PruneDecisions['declined']): string[] {
  const byReason = new Map<string, string[]>()
  for (const { id, reason } of declined) byReason.set(reason, [...(byReason.get(reason) ?? []), id])
  const reasons = [...byReason].sort((a, b) => b[1].length - a[1].length)
  const lines = reasons
    .slice(0, MOST_REASONS)
    .map(([reason, ids]) =>
      plain(
        `stays: ${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ` and ${ids.length - 3} more` : ''}: ${reason}`,
      ),
    )
  const rest = reasons.length - lines.length
  return rest > 0 ? [...lines, `… and ${rest} further reasons (--json shows all)`] : lines
}

function saving(count: number): string {
  return count > 0 ? `−${formatCount(count)}` : ''
}

/** Parameters, multiply-accumulates and bytes before and after. */
export function costTable(cost: { parameters: BeforeAfter; macs: BeforeAfter; bytes: BeforeAfter }): string {
  const row = (name: string, { before, after }: BeforeAfter, format: (n: number) => string) => [
    name,
    format(before),
    format(after),
    before > 0 ? `${Math.round((100 * after) / before)} % stays` : '',
  ]
  return columns(
    [
      ['', 'before', 'after', ''],
      row('parameters', cost.parameters, formatCount),
      row('MACs', cost.macs, formatCount),
      row('bytes', cost.bytes, formatBytes),
    ],
    [1, 2, 3],
  )
}
