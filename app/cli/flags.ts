/** Command-line flags made from a technique's options, given as JSON Schema. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { TechniqueInfo } from '../../shared/domain'

/** The parts of JSON Schema that options of techniques use. */
export interface Field {
  type?: string
  title?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  items?: Field
  properties?: Record<string, Field>
  anyOf?: Field[]
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
}

/** Options of a technique by their names in the schema. */
export function fieldsOf(technique: TechniqueInfo): [string, Field][] {
  // JSON Schema made by zod from an object: `properties` maps names to fields.
  return Object.entries((technique.schema.properties ?? {}) as Record<string, Field>)
}

/** perChannel → per-channel */
export function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
}

/** How a field is written on the command line: '--bins <n>', '--exclude <name...>', '--per-channel'. */
export function flagOf(name: string, field: Field): string {
  const flag = `--${kebab(name)}`
  const { type, values } = kindOf(field)
  if (type === 'boolean') return flag
  if (type === 'array') return `${flag} <${isRecord(field) ? 'key=value,' : ''}${singular(name)}...>`
  if (values) return `${flag} <${kebab(name)}>`
  return `${flag} <${type === 'string' ? 'text' : 'n'}>`
}

function singular(name: string): string {
  return name === 'exclude' ? 'node' : kebab(name).replace(/s$/, '')
}

/** The field's type with 'or null' set aside, and the values it may take. */
export function kindOf(field: Field): { type: string; values?: string[]; nullable: boolean; inner: Field } {
  const choices = field.anyOf?.filter(f => f.type !== 'null')
  const inner = choices?.length === 1 && choices[0] ? choices[0] : field
  const nullable = inner !== field
  const values = inner.enum?.map(String)
  return {
    type: inner.type ?? (values ? 'string' : 'unknown'),
    nullable,
    inner,
    ...(values ? { values } : {}),
  }
}

/** Adds one flag per option of the technique; booleans also get `--no-…`. */
export function addTechniqueFlags(command: Command, technique: TechniqueInfo): void {
  for (const [name, field] of fieldsOf(technique)) {
    const { type } = kindOf(field)
    const option = new Option(flagOf(name, field), describeField(field))
    if (type === 'array') option.argParser(listParser(field))
    else if (type !== 'boolean') option.argParser(valueParser(field))
    command.addOption(option)
    if (type === 'boolean')
      command.addOption(
        new Option(`--no-${kebab(name)}`, field.default === true ? 'turn it off' : 'the default').hideHelp(
          field.default !== true,
        ),
      )
  }
}

/** '…description. (minmax, entropy, percentile; default: minmax)' */
export function describeField(field: Field): string {
  const { inner, values } = kindOf(field)
  const choices = values ?? inner.items?.enum?.map(String)
  const parts = [
    choices ? choices.join(', ') : rangeOf(inner),
    `default: ${defaultText(field, choices)}`,
  ].filter(Boolean)
  return `${field.description ?? field.title ?? ''} (${parts.join('; ')})`.trim()
}

/** '1 to 9', 'at least 1', 'above 0 and below 1'; '' for any number. */
function rangeOf(field: Field): string {
  const isBounded = (x: number | undefined) => x !== undefined && Math.abs(x) < Number.MAX_SAFE_INTEGER
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field
  if (isBounded(minimum) && isBounded(maximum)) return `${minimum} to ${maximum}`
  return [
    isBounded(minimum) ? `at least ${minimum}` : '',
    isBounded(exclusiveMinimum) ? `above ${exclusiveMinimum}` : '',
    isBounded(exclusiveMaximum) ? `below ${exclusiveMaximum}` : '',
    isBounded(maximum) ? `at most ${maximum}` : '',
  ]
    .filter(Boolean)
    .join(' and ')
}

function defaultText(field: Field, choices: string[] | undefined): string {
  const value = field.default
  if (value === undefined || value === null) return 'none'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (!Array.isArray(value)) return String(value)
  if (value.length === 0) return 'none'
  return choices && value.length === choices.length ? 'all' : value.join(' ')
}

function valueParser(field: Field): (text: string) => unknown {
  const { inner, values, nullable } = kindOf(field)
  return text => {
    if (nullable && text === 'none') return null
    if (values && !values.includes(text))
      throw new InvalidArgumentError(`It must be one of: ${values.join(', ')}.`)
    return isNumeric(inner) ? parseNumber(text, inner) : text
  }
}

function listParser(field: Field): (text: string, before: unknown) => unknown[] {
  const item = kindOf(field).inner.items ?? {}
  const parse = item.properties ? recordParser(item.properties) : valueParser(item)
  // Before the first word the option's own default, or nothing, is there.
  return (text, before) => [...(Array.isArray(before) ? before : []), parse(text)]
}

/** True for lists of objects, written as key=value,key=value. */
function isRecord(field: Field): boolean {
  return kindOf(field).inner.items?.properties !== undefined
}

function recordParser(properties: Record<string, Field>): (text: string) => Record<string, unknown> {
  const names = Object.keys(properties)
  return text =>
    Object.fromEntries(
      text.split(',').map(part => {
        const equals = part.indexOf('=')
        const name = part.slice(0, equals)
        const field = properties[name]
        if (equals < 1 || !field)
          throw new InvalidArgumentError(`Write ${names.map(n => `${n}=…`).join(',')}.`)
        return [name, valueParser(field)(part.slice(equals + 1))]
      }),
    )
}

function isNumeric({ type }: Field): boolean {
  return type === 'number' || type === 'integer'
}

function parseNumber(text: string, field: Field): number {
  const value = Number(text)
  const whole = field.type === 'integer'
  const isRight = text.trim() !== '' && Number.isFinite(value) && (!whole || Number.isInteger(value))
  if (!isRight || !isWithin(value, field)) {
    const range = rangeOf(field)
    const how = /^at (least|most)/.test(range) ? ' of ' : /^above|^below/.test(range) ? ' ' : ' from '
    throw new InvalidArgumentError(`It must be a ${whole ? 'whole ' : ''}number${range && how + range}.`)
  }
  return value
}

function isWithin(value: number, field: Field): boolean {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = field
  const { exclusiveMinimum = Number.NEGATIVE_INFINITY, exclusiveMaximum = Number.POSITIVE_INFINITY } = field
  return value >= minimum && value <= maximum && value > exclusiveMinimum && value < exclusiveMaximum
}

/** The options given on the command line, by their names in the schema; the others keep their defaults. */
export function techniqueOptions(command: Command, technique: TechniqueInfo): Record<string, unknown> {
  return Object.fromEntries(
    fieldsOf(technique).flatMap(([name, field]) => {
      const attribute = kebab(name).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
      if (command.getOptionValueSource(attribute) !== 'cli') return []
      const value: unknown = command.getOptionValue(attribute)
      // Commander keeps '' where a parser answers null.
      return [[name, value === '' && kindOf(field).nullable ? null : value]]
    }),
  )
}
