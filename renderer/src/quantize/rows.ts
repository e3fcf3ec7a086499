/** Layers of a network as rows of a list: by what they lose in 8 bits, by time, or as they come. */
import type { QuantizeLayer, QuantizePoint, QuantizeSensitivity } from '../../../shared/quantize'
import { fitted } from '../layers/layer-names'
import { isShown, LEAST_SCALE } from '../ui/losses'
import { nodeParts } from '../ui/node-words'
import { choiceOf, type LayerChoice } from './choices'

export const SORTS = ['loss', 'time', 'order'] as const
export type Sort = (typeof SORTS)[number]

export interface Row {
  layer: QuantizeLayer
  label: string
  choice: LayerChoice
}

/** The longest label that a row has room for, in characters. */
const LABEL_ROOM = 24

/** Short names of layers; those that would be the same are given at length. */
export function layerLabels(layers: readonly Pick<QuantizeLayer, 'id' | 'node'>[]): Map<string, string> {
  const short = layers.map(({ node }) => {
    const { op, name } = nodeParts(node)
    return fitted(name, op, LABEL_ROOM)
  })
  const seen = new Map<string, number>()
  for (const label of short) seen.set(label, (seen.get(label) ?? 0) + 1)
  return new Map(
    layers.map(({ id, node }, i) => {
      const label = short[i] ?? node
      return [id, seen.get(label) === 1 ? label : nodeParts(node).name]
    }),
  )
}

/**
 * Worst first: by what is lost where that is shown; the others, whose differences are chance, by how noisy 8 bits make
 * the answers.
 */
export function byLoss(a: Pick<QuantizeLayer, 'whole'>, b: Pick<QuantizeLayer, 'whole'>): number {
  const [p, q] = [a.whole, b.whole]
  const [lostA, lostB] = [isShown(p.drop), isShown(q.drop)]
  if (lostA !== lostB) return lostA ? -1 : 1
  if (lostA) return q.drop.value - p.drop.value
  return noise(p) - noise(q)
}

/** Without noise at all a signal is as clean as can be. */
function noise({ sqnr }: QuantizePoint): number {
  return sqnr ?? Number.POSITIVE_INFINITY
}

/** Rows in an order; layers without a time come last where it goes by time. */
export function layerRows(
  sensitivity: QuantizeSensitivity | null | undefined,
  values: Readonly<Record<string, unknown>>,
  sort: Sort,
): Row[] {
  if (!sensitivity) return []
  const labels = layerLabels(sensitivity.layers)
  const rows = sensitivity.layers.map(layer => ({
    layer,
    label: labels.get(layer.id) ?? layer.id,
    choice: choiceOf(values, layer),
  }))
  switch (sort) {
    case 'loss':
      return rows.sort((a, b) => byLoss(a.layer, b.layer))
    case 'time':
      return rows.sort((a, b) => (b.layer.milliseconds ?? -1) - (a.layer.milliseconds ?? -1))
    case 'order':
      return rows
  }
}

/** The loss that fills a bar: the largest measured, with its interval where it is shown. */
export function lossScale({ layers, metric }: Pick<QuantizeSensitivity, 'layers' | 'metric'>): number {
  const points = layers.flatMap(l => [l.whole, l.weights, l.activations].filter(p => p !== null))
  const ends = points.map(({ drop }) => (isShown(drop) ? drop.high : drop.value))
  return Math.max(LEAST_SCALE[metric], 0, ...ends) || 1
}

/** '31 dB', '–' where nothing is lost. */
export function sqnrText(sqnr: number | null): string {
  return sqnr === null ? 'exact' : `${sqnr.toFixed(sqnr < 9.95 ? 1 : 0).replace('-', '−')} dB`
}
