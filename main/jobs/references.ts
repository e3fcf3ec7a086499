/** Models of the study that a step's options name as `variant:ID`, such as a student or further teachers. */
import type { Step } from '../../shared/domain'

const PREFIX = 'variant:'

/** The id in `variant:ID`; undefined for any other text. */
export function referencedVariant(text: string): string | undefined {
  return text.startsWith(PREFIX) ? text.slice(PREFIX.length) : undefined
}

/** Every such text among the options, alone or in a list, each once. */
export function referencesOf({ options }: Step): string[] {
  const texts = Object.values(options)
    .flat()
    .filter(value => typeof value === 'string')
  return [...new Set(texts.filter(text => referencedVariant(text) !== undefined))]
}
