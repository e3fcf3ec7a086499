/** What is done about a finding: a change of options. */
import type { Calibration, LayerDetail, TensorDetail } from '../../../shared/quantize'
import type { Field } from '../variant/schema'
import { type Named, withFloat, withOverride } from './choices'
import { CALIBRATION_WORDS } from './words'

type Values = Readonly<Record<string, unknown>>

/** The calibration under which the noisiest activation of a layer is cleanest; null where there is no choice. */
export function bestCalibration(
  tensors: readonly Pick<TensorDetail, 'role' | 'ranges'>[],
  choices: readonly Calibration[],
): Calibration | null {
  const activations = tensors.filter(t => t.role !== 'weight' && t.ranges.length > 1)
  if (activations.length === 0) return null
  const worst = (calibration: Calibration) =>
    Math.min(
      ...activations.map(t => {
        const range = t.ranges.find(r => r.calibration === calibration)
        return range ? (range.sqnr ?? Number.POSITIVE_INFINITY) : Number.NEGATIVE_INFINITY
      }),
    )
  const [best] = [...choices].sort((a, b) => worst(b) - worst(a))
  return best !== undefined && worst(best) > Number.NEGATIVE_INFINITY ? best : null
}

export interface Fix {
  title: string
  /** Options with the fix; null where they have it already. */
  values: Values | null
}

interface FixInput {
  layer: Named
  detail: LayerDetail
  values: Values
  /** Options of the technique: a fix that it does not know is not offered. */
  fields: readonly Field[]
}

/** What mends a finding, as a button; null where nothing in the options does. */
export function fixOf(kind: LayerDetail['findings'][0]['fix'], input: FixInput): Fix | null {
  const { layer, detail, values, fields } = input
  const known = (name: string) => fields.some(f => f.name === name)
  const made = (title: string, next: Values): Fix => ({
    title,
    values: JSON.stringify(next) === JSON.stringify(values) ? null : next,
  })
  switch (kind) {
    case 'none':
      return null
    case 'exclude':
      return known('exclude') ? made('Leave in float', withFloat(values, layer, true)) : null
    case 'wide':
      return known('overrides')
        ? made('16-bit activations', withOverride(values, layer, { wide: true }))
        : null
    case 'calibration': {
      const best = known('overrides') ? bestCalibration(detail.tensors, calibrationsOf(fields)) : null
      if (!best) return null
      const title = `Calibrate by ${CALIBRATION_WORDS[best].title}`
      return made(title, withOverride(values, layer, { calibration: best }))
    }
    case 'equalize':
      return known('equalize') ? made('Equalize layers', { ...values, equalize: true }) : null
    case 'perChannel':
      return known('perChannel') ? made('Scale per channel', { ...values, perChannel: true }) : null
    case 'smooth': {
      const field = fields.find(f => f.name === 'smooth')
      const can = field?.kind === 'choice' && field.choices.includes('search')
      return can ? made('Smooth activations', { ...values, smooth: 'search' }) : null
    }
  }
}

/** Calibrations that the technique knows. */
export function calibrationsOf(fields: readonly Field[]): Calibration[] {
  const field = fields.find(f => f.name === 'calibration')
  const choices = field?.kind === 'choice' ? field.choices : []
  return (Object.keys(CALIBRATION_WORDS) as Calibration[]) // its keys are all calibrations
    .filter(c => choices.includes(c))
}
