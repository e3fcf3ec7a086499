/** Colours of treemap tiles: one hue per operator or per width of the weights. */
import { categories, colors } from '../ui/theme'
import type { LayerRow } from './layer-rows'

export type ColorBy = 'operator' | 'bits'

export interface ColorKey {
  label: string
  color: string
}

/** Bits per parameter as stored; null where the layer has no parameters. */
export function bitsOf(layer: { parameters: number; bytes: number }): number | null {
  if (layer.parameters <= 0) return null
  return Math.round((layer.bytes * 8) / layer.parameters)
}

/** Name of a width: common ones by their type, others as 'N bits'. */
export function bitsLabel(bits: number | null): string {
  if (bits === null) return 'no weights'
  return `${bits} ${bits === 1 ? 'bit' : 'bits'}`
}

/**
 * Key of the colours for these layers, most area first, and the colour of a layer. The eighth hue and later
 * operators share one neutral colour, so that hues stay apart.
 */
export function layerColors(
  rows: readonly LayerRow[],
  by: ColorBy,
  weight: (row: LayerRow) => number,
): { key: ColorKey[]; colorOf(row: LayerRow): string } {
  const label = (row: LayerRow) => (by === 'operator' ? row.op : bitsLabel(bitsOf(row)))
  const area = new Map<string, number>()
  for (const row of rows) {
    const w = weight(row)
    if (w > 0) area.set(label(row), (area.get(label(row)) ?? 0) + w)
  }
  const labels = [...area.entries()].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(e => e[0])
  const named = labels.length > categories.length ? labels.slice(0, categories.length - 1) : labels
  const byLabel = new Map(named.map((name, i) => [name, categories[i] ?? colors.faint]))
  const key = named.map(name => ({ label: name, color: byLabel.get(name) ?? colors.faint }))
  if (named.length < labels.length) key.push({ label: 'others', color: colors.faint })
  return { key, colorOf: row => byLabel.get(label(row)) ?? colors.faint }
}
