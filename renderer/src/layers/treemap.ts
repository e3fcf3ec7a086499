/**
 * Squarified treemap: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000). Items, largest first, fill rows
 * along the shorter side of what is left; a row ends when one more item would make its worst aspect ratio worse.
 */
import type { LayerRow } from './layer-rows'

export type TreemapMeasure = 'bytes' | 'macs' | 'parameters'

export interface TreemapItem {
  /** Index of the layer; -1 for the rest. */
  index: number
  name: string
  op: string
  value: number
}

export interface Treemap {
  items: TreemapItem[]
  total: number
  /** Layers whose value is unknown: they have no area, and are named beside the map. */
  unknown: number
  /** Layers gathered in the item 'N smaller layers'. */
  gathered: number
}

export interface Tile extends TreemapItem {
  x: number
  y: number
  width: number
  height: number
}

/**
 * Layers with a known value above zero, largest first. Beyond `limit` layers, and below 1/2000 of the total, a
 * tile could be neither seen nor hit: those are gathered into one.
 */
export function treemapData(rows: readonly LayerRow[], measure: TreemapMeasure, limit = 150): Treemap {
  const known = rows.flatMap(row => {
    const value = row[measure]
    return value === null || value <= 0 ? [] : [{ index: row.index, name: row.name, op: row.op, value }]
  })
  known.sort((a, b) => b.value - a.value || a.index - b.index)
  const total = known.reduce((sum, item) => sum + item.value, 0)
  const unknown = rows.filter(row => row[measure] === null).length
  const cut = known.findIndex((item, i) => i >= limit || item.value < total / 2000)
  const small = cut < 0 ? [] : known.slice(cut)
  if (small.length < 2) return { items: known, total, unknown, gathered: 0 }
  const rest = {
    index: -1,
    name: `${small.length.toLocaleString('en-US')} smaller layers`,
    op: '',
    value: small.reduce((sum, item) => sum + item.value, 0),
  }
  return { items: [...known.slice(0, cut), rest], total, unknown, gathered: small.length }
}

/** Lays the items (largest first) out in a rectangle of `width` × `height` pixels; areas are proportional. */
export function squarify(items: readonly TreemapItem[], width: number, height: number): Tile[] {
  const total = items.reduce((sum, item) => sum + item.value, 0)
  if (total <= 0 || width <= 0 || height <= 0) return []
  const scale = (width * height) / total
  const free = { x: 0, y: 0, width, height }
  const tiles: Tile[] = []
  let start = 0
  while (start < items.length) {
    const side = Math.min(free.width, free.height)
    const end = rowEnd(items, start, side, scale)
    tiles.push(...placeRow(items.slice(start, end), free, scale))
    start = end
  }
  return tiles
}

function rowEnd(items: readonly TreemapItem[], start: number, side: number, scale: number): number {
  let sum = 0
  let worst = Number.POSITIVE_INFINITY
  let end = start
  const largest = items[start]?.value ?? 0
  for (; end < items.length; end++) {
    const value = items[end]?.value ?? 0
    const next = worstAspect(sum + value, largest, value, side, scale)
    if (next > worst) break
    sum += value
    worst = next
  }
  return end
}

// For a row of total area s along a side w, the worst aspect is max(w² max / s², s² / (w² min)).
function worstAspect(sum: number, largest: number, smallest: number, side: number, scale: number): number {
  const area = sum * scale
  const square = side * side
  return Math.max((square * largest * scale) / (area * area), (area * area) / (square * smallest * scale))
}

function placeRow(
  row: readonly TreemapItem[],
  free: { x: number; y: number; width: number; height: number },
  scale: number,
): Tile[] {
  const area = row.reduce((sum, item) => sum + item.value, 0) * scale
  const upright = free.width >= free.height
  const thickness = upright ? area / free.height : area / free.width
  let offset = 0
  const tiles = row.map(item => {
    const length = (item.value * scale) / thickness
    const tile = upright
      ? { ...item, x: free.x, y: free.y + offset, width: thickness, height: length }
      : { ...item, x: free.x + offset, y: free.y, width: length, height: thickness }
    offset += length
    return tile
  })
  if (upright) {
    free.x += thickness
    free.width = Math.max(0, free.width - thickness)
  } else {
    free.y += thickness
    free.height = Math.max(0, free.height - thickness)
  }
  return tiles
}
