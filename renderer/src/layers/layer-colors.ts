/** Colours of treemap tiles: one hue per operator or per width of the weights, or by what is lost in 8 bits. */
import type { QuantizeLayer, QuantizeSensitivity } from '../../../shared/quantize'
import { lossScale } from '../quantize/rows'
import { dropColor, dropText, isShown } from '../ui/losses'
import { categories, colors } from '../ui/theme'
import type { LayerRow } from './layer-rows'

export const COLOR_BY = ['operator', 'bits', 'loss'] as const
export type ColorBy = (typeof COLOR_BY)[number]

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
  by: 'operator' | 'bits',
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

/** Layers by what each loses alone in 8 bits: grey where no loss is shown, faint where nothing was measured. */
export function lossColors(
  rows: readonly LayerRow[],
  losses: Pick<QuantizeSensitivity, 'layers' | 'metric'>,
  lossOf: (row: LayerRow) => QuantizeLayer | undefined,
): { key: ColorKey[]; colorOf(row: LayerRow): string } {
  const scale = lossScale(losses)
  const measured = rows.flatMap(row => lossOf(row)?.whole.drop ?? [])
  const shown = measured.filter(isShown).sort((a, b) => b.value - a.value)
  const ends = shown.length > 1 ? [shown[0], shown.at(-1)] : shown
  const key = ends.flatMap(drop =>
    drop ? [{ label: dropText(drop.value, losses.metric), color: dropColor(drop, scale) }] : [],
  )
  if (measured.length > shown.length) key.push({ label: 'no loss shown', color: colors.uncertain })
  if (measured.length < rows.length) key.push({ label: 'not measured', color: colors.grid })
  const colorOf = (row: LayerRow) => {
    const layer = lossOf(row)
    return layer ? dropColor(layer.whole.drop, scale) : colors.grid
  }
  return { key, colorOf }
}
