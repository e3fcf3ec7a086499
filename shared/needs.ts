/**
 * What a step needs of data. Some techniques always need some; of others single options look at samples: those say for
 * which of their values in the schema (`.meta({ …, needsData: ['gptq'] })`), next to title and description.
 */
import type { Step, TechniqueInfo } from './domain'
import { pruneNeeds } from './prune'

export interface DataNeed {
  /** Samples, or samples with labels. */
  needs: Exclude<TechniqueInfo['needs'], 'nothing'>
  /** The option that asks for data, and its value; absent where the technique always needs some. */
  option?: { name: string; title: string; value: string }
}

/** What a technique needs with these options, those left out at their defaults; null where it makes do without data. */
export function needOf(
  technique: Pick<TechniqueInfo, 'id' | 'needs' | 'schema'>,
  options: Step['options'],
): DataNeed | null {
  if (technique.needs !== 'nothing') return { needs: technique.needs }
  if (technique.id.startsWith('prune.')) return pruneNeed(options)
  for (const { name, title, values, initial } of askingOptions(technique)) {
    const value = options[name] ?? initial
    if (values.includes(value)) return { needs: 'calibration', option: { name, title, value: String(value) } }
  }
  return null
}

/** True where no data are needed unless an option asks for some. */
export function mayNeedData(technique: Pick<TechniqueInfo, 'id' | 'needs' | 'schema'>): boolean {
  return technique.needs === 'nothing' && askingOptions(technique).length > 0
}

/** What of the options looks at samples, in words for the middle of a sentence: 'rounding gptq', 'clip blocks'. */
export function askingWords({ title, value }: NonNullable<DataNeed['option']>): string {
  const name = `${title.charAt(0).toLowerCase()}${title.slice(1)}`
  return value === 'true' ? name : `${name} ${value}`
}

function pruneNeed(options: Step['options']): DataNeed | null {
  const found = pruneNeeds(options)
  if (!found) return null
  const { option: name, value, labels } = found
  return { needs: labels ? 'labels' : 'calibration', option: { name, title: name, value } }
}

interface AskingOption {
  name: string
  title: string
  /** Values that look at samples. */
  values: readonly unknown[]
  initial: unknown
}

function askingOptions({ schema }: Pick<TechniqueInfo, 'schema'>): AskingOption[] {
  const { properties } = schema
  if (typeof properties !== 'object' || properties === null) return []
  return Object.entries(properties).flatMap(([name, field]: [string, unknown]): AskingOption[] => {
    if (typeof field !== 'object' || field === null || !('needsData' in field)) return []
    const { needsData: values } = field
    if (!Array.isArray(values)) return []
    const title = 'title' in field ? String(field.title) : name
    return [{ name, title, values, initial: 'default' in field ? field.default : undefined }]
  })
}
