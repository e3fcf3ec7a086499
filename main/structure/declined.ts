/** Notes on groups of channels that stay as they are. */
import type { Note } from '../../shared/domain'
import type { ChannelGroup } from './groups'

/** Reasons of groups that stay, one note for each reason and node. What inputs and outputs fix is expected. */
export function declinedNotes(groups: readonly ChannelGroup[], code: string): Note[] {
  const byReason = new Map<string, { reason: ChannelGroup['declined'][number]; ids: string[] }>()
  for (const { id, declined } of groups) {
    const reason = declined[0]
    if (!reason?.node) continue
    const key = `${reason.message} ${reason.node}`
    const known = byReason.get(key)
    if (known) known.ids.push(id)
    else byReason.set(key, { reason, ids: [id] })
  }
  return [...byReason.values()].map(({ reason, ids }) => ({
    code,
    severity: 'info',
    message: `The channels of ${listed(ids)} stay: ${reason.message}`,
    ...(reason.node ? { node: reason.node } : {}),
  }))
}

function listed(ids: readonly string[]): string {
  return ids.length > 3 ? `${ids.slice(0, 3).join(', ')} and ${ids.length - 3} more` : ids.join(', ')
}
