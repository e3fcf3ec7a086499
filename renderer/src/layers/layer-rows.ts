/** A model's layers as rows of a table: matched with the reference's layer of the same name, searched. */
import type { LayerSummary } from '../../../shared/domain'

export interface LayerRow extends LayerSummary {
  /** Position in execution order; identifies the row (names may repeat). */
  index: number
  /** Bytes of the reference's layer of the same name; undefined when it has none. */
  referenceBytes: number | undefined
}

/** Matches the layers with the reference's by name; a name that repeats matches in order of appearance. */
export function layerRows(
  layers: readonly LayerSummary[],
  reference: readonly LayerSummary[] | undefined,
): LayerRow[] {
  const waiting = new Map<string, number[]>()
  for (const layer of reference ?? []) {
    waiting.set(layer.name, [...(waiting.get(layer.name) ?? []), layer.bytes])
  }
  return layers.map((layer, index) => ({
    ...layer,
    index,
    referenceBytes: waiting.get(layer.name)?.shift(),
  }))
}

/** Rows whose name or operator holds every word of the search, whatever the case. */
export function searchLayers(rows: readonly LayerRow[], search: string): LayerRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return rows.filter(row => {
    const text = `${row.name} ${row.op}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
}

/** Bytes relative to the reference's same-named layer; null where that says nothing. */
export function byteRatio(row: LayerRow): number | null {
  if (row.referenceBytes === undefined || row.referenceBytes === 0) return null
  return row.bytes / row.referenceBytes
}

/** `[N, 3, 224, 224]` as 'N × 3 × 224 × 224'; an unnamed dimension is '?', a scalar says so. */
export function shapeText(shape: readonly (number | string)[] | null): string {
  if (shape === null) return 'unknown'
  if (shape.length === 0) return 'scalar'
  return shape.map(d => (d === '' ? '?' : String(d))).join(' × ')
}

export interface OperatorCount {
  op: string
  count: number
  /** Nodes of this operator in the reference; undefined without a reference. */
  reference: number | undefined
}

/** Operators by number of nodes, most first; operators only the reference has are listed with 0. */
export function operatorHistogram(
  operators: Readonly<Record<string, number>>,
  reference: Readonly<Record<string, number>> | undefined,
): OperatorCount[] {
  const names = new Set([...Object.keys(operators), ...Object.keys(reference ?? {})])
  return [...names]
    .map(op => ({
      op,
      count: operators[op] ?? 0,
      reference: reference && (reference[op] ?? 0),
    }))
    .sort((a, b) => b.count - a.count || (b.reference ?? 0) - (a.reference ?? 0) || a.op.localeCompare(b.op))
}
