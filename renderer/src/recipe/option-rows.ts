/** A step's options against its technique's JSON Schema: titles, defaults, and what was changed. */
import type { Step, TechniqueInfo } from '../../../shared/domain'

export interface OptionRow {
  key: string
  title: string
  description: string
  value: unknown
  /** Undefined when the option has no default. */
  fallback: unknown
  /** True when the value is not the default. */
  changed: boolean
}

/** One field of a technique's schema, as far as the screen reads it. */
export interface OptionField {
  key: string
  title: string
  description: string
  fallback: unknown
  /** JSON Schema type: boolean, number, integer, string, array, object, or '' for a union. */
  type: string
}

/** Fields of a technique's options, in the order of its schema. */
export function optionFields(schema: Readonly<Record<string, unknown>>): OptionField[] {
  const properties = isRecord(schema.properties) ? schema.properties : {}
  return Object.entries(properties).map(([key, raw]) => {
    const field = isRecord(raw) ? raw : {}
    return {
      key,
      title: typeof field.title === 'string' ? field.title : words(key),
      description: typeof field.description === 'string' ? field.description : '',
      fallback: field.default,
      type: typeof field.type === 'string' ? field.type : '',
    }
  })
}

/** Every option of a step, changed ones first; an option the schema does not know is kept and counts as changed. */
export function optionRows(step: Step, technique: TechniqueInfo | undefined): OptionRow[] {
  const fields = technique ? optionFields(technique.schema) : []
  const rows = fields.map(field => {
    const value = field.key in step.options ? step.options[field.key] : field.fallback
    const { key, title, description, fallback } = field
    return { key, title, description, value, fallback, changed: !sameValue(value, fallback) }
  })
  const known = new Set(fields.map(f => f.key))
  const foreign = Object.entries(step.options)
    .filter(([key]) => !known.has(key))
    .map(([key, value]) => ({
      key,
      title: words(key),
      description: '',
      value,
      fallback: undefined,
      changed: true,
    }))
  const all = [...rows, ...foreign]
  return [...all.filter(r => r.changed), ...all.filter(r => !r.changed)]
}

/** An option's value as a person reads it. */
export function optionText(value: unknown): string {
  if (value === undefined || value === null) return 'not set'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value === '' ? 'empty' : value
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(optionText).join(', ')
  if (isRecord(value)) {
    const parts = Object.entries(value).map(
      ([key, part]) => `${words(key).toLowerCase()}: ${optionText(part)}`,
    )
    return parts.length === 0 ? 'none' : parts.join(', ')
  }
  return String(value)
}

/** Equality of JSON values; the order of an object's keys does not matter. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((x, i) => sameValue(x, b[i]))
  }
  if (!isRecord(a) || !isRecord(b) || Array.isArray(a) || Array.isArray(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every(k => k in b && sameValue(a[k], b[k]))
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** 'perChannel' → 'Per channel'. */
function words(key: string): string {
  const spaced = key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_]/g, ' ')
    .toLowerCase()
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}
