import type { Field } from '../variant/schema'
import { MAIN_OPTIONS, OWN_OPTIONS } from './options'

/** Fields of the training itself: those shown at once, in the order of a training, and those for the few. */
export function trainingFields(
  fields: readonly Field[],
  technique: string,
): { main: Field[]; advanced: Field[] } {
  const own = technique.startsWith('distill.') ? OWN_OPTIONS : []
  const rest = fields.filter(f => !own.includes(f.name))
  const main = MAIN_OPTIONS.flatMap(name => rest.find(f => f.name === name) ?? [])
  return { main, advanced: rest.filter(f => !main.includes(f)) }
}
