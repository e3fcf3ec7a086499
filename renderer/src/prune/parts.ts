/** Parts of a network that pruning makes smaller, as rows of a chart and of a table. */
import type { PruneChange, PrunePreview, PruneSensitivity, SensitivityPoint } from '../../../shared/prune'
import { fitted } from '../layers/layer-names'
import { nodeParts } from '../ui/node-words'
import type { Width } from './widths'

export interface Part {
  id: string
  kind: PruneChange['kind']
  nodes: readonly string[]
  label: string
  from: number
  /** By the newest plan; null until there is one. */
  to: number | null
  /** MACs and parameters that go if this alone is changed; null until there is a plan. */
  frees: { macs: number; parameters: number } | null
  /** Kernel time that goes, in ms; null where not measured. */
  milliseconds: number | null
  /** Share of the model's MACs; null where not measured. */
  share: number | null
  /** Share kept that was chosen by hand; null where the plan decides. */
  chosen: number | null
  points: readonly SensitivityPoint[]
}

const NO_POINTS: readonly SensitivityPoint[] = []

/** The longest label that a row has room for, in characters. */
export const LABEL_ROOM = 26

/** 'features/conv1', '11/attention/query': short, with how many more layers have the same width. */
export function partLabel(nodes: readonly string[], id: string): string {
  const [first] = nodes
  if (first === undefined) return id
  const { op, name } = nodeParts(first)
  const more = nodes.length > 1 ? ` +${nodes.length - 1}` : ''
  return `${fitted(name, op, LABEL_ROOM - more.length)}${more}`
}

/** Labels of parts; those that would be the same name their operator too. */
function labelled<P extends Pick<Part, 'id' | 'nodes'>>(parts: readonly P[]): (P & { label: string })[] {
  const labels = parts.map(p => partLabel(p.nodes, p.id))
  const seen = new Map<string, number>()
  for (const label of labels) seen.set(label, (seen.get(label) ?? 0) + 1)
  return parts.map((part, i) => {
    const label = labels[i] ?? part.id
    const name = part.nodes[0] && nodeParts(part.nodes[0]).name
    const alone = seen.get(label) === 1 || !name
    return { ...part, label: alone ? label : fitted(name, '', LABEL_ROOM) }
  })
}

const KINDS_OF: Readonly<Record<string, readonly PruneChange['kind'][]>> = {
  'prune.ffn': ['ffn'],
  'prune.heads': ['heads', 'head-width'],
}

interface PartsInput {
  technique: string
  preview: Pick<PrunePreview, 'changes'> | undefined
  sensitivity: PruneSensitivity | null | undefined
  widths: readonly Width[]
}

/** Parts in the order of the plan; until there is one, in that of the sensitivities. */
export function partsOf({ technique, preview, sensitivity, widths }: PartsInput): Part[] {
  const curves = new Map(sensitivity?.curves.map(c => [c.id, c]))
  const chosen = new Map(widths.map(w => [w.group, w.keep]))
  if (preview) {
    const parts = preview.changes.map(change => ({
      id: change.id,
      kind: change.kind,
      nodes: change.nodes,
      from: change.from,
      to: change.to,
      frees: change.frees,
      milliseconds: change.milliseconds,
      share: curves.get(change.id)?.macs ?? null,
      chosen: chosen.get(change.id) ?? null,
      points: curves.get(change.id)?.points ?? NO_POINTS,
    }))
    return labelled(parts)
  }
  const kinds = KINDS_OF[technique]
  const parts = [...curves.values()]
    .filter(c => !kinds || kinds.includes(c.kind))
    .map(curve => ({
      id: curve.id,
      kind: curve.kind,
      nodes: curve.nodes,
      from: curve.size,
      to: null,
      frees: null,
      milliseconds: null,
      share: curve.macs,
      chosen: chosen.get(curve.id) ?? null,
      points: curve.points,
    }))
  return labelled(parts)
}

/** Share kept: chosen by hand, else of the plan, else all. */
export function keepOf(part: Pick<Part, 'chosen' | 'to' | 'from'>): number {
  if (part.chosen !== null) return part.chosen
  return part.to === null || part.from === 0 ? 1 : part.to / part.from
}
