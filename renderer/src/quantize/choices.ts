/** What is chosen for one layer, as options of static int8 say it: left in float, 16 bits, another calibration. */
import { CALIBRATIONS, type Calibration } from '../../../shared/quantize'
import { nodeParts } from '../ui/node-words'

type Values = Readonly<Record<string, unknown>>

/** A layer as sensitivities name it. */
export interface Named {
  id: string
  node: string
}

export interface LayerChoice {
  /** Entry of `exclude` that leaves it in float; null where none does. */
  float: string | null
  wide: boolean
  /** Null: as the rest of the network. */
  calibration: Calibration | null
}

interface Override {
  node: string
  activations?: 'int8' | 'int16'
  calibration?: Calibration
}

export function isCalibration(value: unknown): value is Calibration {
  return CALIBRATIONS.some(c => c === value)
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** Overrides that options hold; what is none is left out. */
export function overridesOf(values: Values): Override[] {
  if (!Array.isArray(values.overrides)) return []
  return values.overrides.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null || !('node' in item)) return []
    const { node } = item
    if (typeof node !== 'string') return []
    const wide = 'activations' in item ? item.activations : undefined
    const calibration = 'calibration' in item ? item.calibration : undefined
    return [
      {
        node,
        ...(wide === 'int8' || wide === 'int16' ? { activations: wide } : {}),
        ...(isCalibration(calibration) ? { calibration } : {}),
      },
    ]
  })
}

/** Whether a name in options, with * for any text, means the layer. */
export function means(name: string, layer: Named): boolean {
  const names = [layer.id, nodeParts(layer.node).name]
  if (!name.includes('*')) return names.includes(name)
  const parts = name.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`^${parts.join('.*')}$`)
  return names.some(n => pattern.test(n))
}

export function choiceOf(values: Values, layer: Named): LayerChoice {
  const float = textsOf(values.exclude).find(name => means(name, layer)) ?? null
  // A later override goes before an earlier one.
  const own = overridesOf(values).filter(o => means(o.node, layer))
  const wide = own.findLast(o => o.activations !== undefined)?.activations === 'int16'
  return { float, wide, calibration: own.findLast(o => o.calibration !== undefined)?.calibration ?? null }
}

/** Whether a layer is chosen by a pattern, which a choice for it alone cannot take back. */
export function byPattern({ float }: LayerChoice): boolean {
  return float?.includes('*') ?? false
}

/** Options in which the layer stays in float, or no longer does. A pattern that means it stays as it is. */
export function withFloat(values: Values, layer: Named, float: boolean): Values {
  const names = textsOf(values.exclude)
  const others = names.filter(name => name.includes('*') || !means(name, layer))
  return { ...values, exclude: float ? [...others, layer.id] : others }
}

/** Options with a choice for the layer alone; undefined takes back what was chosen. */
export function withOverride(
  values: Values,
  layer: Named,
  change: Pick<LayerChoice, 'wide'> | Pick<LayerChoice, 'calibration'>,
): Values {
  const all = overridesOf(values)
  const mine = (o: Override) => !o.node.includes('*') && means(o.node, layer)
  const pattern = all.filter(o => o.node.includes('*') && means(o.node, layer))
  const now = { ...choiceOf(values, layer), ...change }
  const inherited = pattern.findLast(o => o.activations !== undefined)?.activations === 'int16'
  const own: Override = {
    node: layer.id,
    ...(now.wide ? { activations: 'int16' as const } : inherited ? { activations: 'int8' as const } : {}),
    ...(now.calibration ? { calibration: now.calibration } : {}),
  }
  const rest = all.filter(o => !mine(o))
  return { ...values, overrides: Object.keys(own).length > 1 ? [...rest, own] : rest }
}

/** Options that say nothing of single layers: what sensitivities and details are measured with. */
export function networkOptions(values: Values): Record<string, unknown> {
  const { exclude: _, overrides: __, ...rest } = values
  return rest
}
