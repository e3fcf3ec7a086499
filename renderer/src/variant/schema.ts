/** Reads the part of JSON Schema that technique options use into a flat description a form can be made from. */
export type JsonSchema = Record<string, unknown>

interface FieldBase {
  name: string
  title: string
  description: string
  /** What the option is when nobody chooses; undefined where it then is left out. */
  initial: unknown
  /** Whether it may be empty: null, or left out where `initial` is undefined. */
  nullable: boolean
}

export type Field = FieldBase &
  (
    | { kind: 'choice'; choices: (string | number)[] }
    | { kind: 'switch' }
    | { kind: 'number'; min: number | undefined; max: number | undefined; integer: boolean; step: number }
    | { kind: 'text' }
    /** A list of texts; of these choices only, where there are some. */
    | { kind: 'texts'; choices: string[] }
    | { kind: 'numbers' }
    | { kind: 'group'; fields: Field[] }
    /** One of several objects, told apart by a constant; `key` is its name. */
    | { kind: 'union'; key: string; cases: UnionCase[] }
    /** Something a form has no input for: edited as JSON. */
    | { kind: 'json' }
  )

export interface UnionCase {
  tag: string
  title: string
  fields: Field[]
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** 'perChannel' → 'Per channel'. */
export function titleOf(name: string): string {
  const words = name
    .replace(/[-_]/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Fields of an object schema, in its order. Constants are no choice and are left out. */
export function fieldsOf(schema: JsonSchema): Field[] {
  const properties = isObject(schema.properties) ? schema.properties : {}
  const required = Array.isArray(schema.required) ? schema.required : []
  return Object.entries(properties).flatMap(([name, property]) =>
    isObject(property) && !('const' in property) ? [fieldOf(name, property, required.includes(name))] : [],
  )
}

function fieldOf(name: string, schema: JsonSchema, required: boolean): Field {
  const { inner, nullable } = withoutNull(schema)
  const given = schema.default ?? inner.default
  const base = {
    name,
    title: text(schema.title) ?? text(inner.title) ?? titleOf(name),
    description: text(schema.description) ?? text(inner.description) ?? '',
    nullable: nullable || (!required && given === undefined),
  }
  const shape = shapeOf(inner)
  const none = nullable ? null : required ? emptyValue(shape) : undefined
  return { ...base, ...shape, initial: given !== undefined ? given : none }
}

/** Takes `null` out of a union: anyOf [X, null] and type [X, null] are X that may be empty. */
function withoutNull(schema: JsonSchema): { inner: JsonSchema; nullable: boolean } {
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter(type => type !== 'null')
    return { inner: { ...schema, type: types[0] }, nullable: types.length < schema.type.length }
  }
  const cases = unionOf(schema)
  const rest = cases.filter(c => c.type !== 'null')
  const only = rest[0]
  if (rest.length === cases.length || !only) return { inner: schema, nullable: false }
  return { inner: rest.length === 1 ? only : { ...schema, anyOf: rest, oneOf: undefined }, nullable: true }
}

function unionOf(schema: JsonSchema): JsonSchema[] {
  const cases = schema.oneOf ?? schema.anyOf
  return Array.isArray(cases) ? cases.filter(isObject) : []
}

type Shape = Field extends infer F ? (F extends Field ? Omit<F, keyof FieldBase> : never) : never

function shapeOf(schema: JsonSchema): Shape {
  const cases = unionOf(schema)
  if (cases.length > 0) return unionShape(cases)
  if (Array.isArray(schema.enum)) {
    return {
      kind: 'choice',
      choices: schema.enum.filter(c => typeof c === 'string' || typeof c === 'number'),
    }
  }
  switch (schema.type) {
    case 'boolean':
      return { kind: 'switch' }
    case 'integer':
    case 'number':
      return numberShape(schema)
    case 'string':
      return { kind: 'text' }
    case 'array':
      return arrayShape(schema)
    case 'object':
      return isObject(schema.properties) ? { kind: 'group', fields: fieldsOf(schema) } : { kind: 'json' }
    default:
      return { kind: 'json' }
  }
}

function arrayShape(schema: JsonSchema): Shape {
  const items = isObject(schema.items) ? schema.items : {}
  const { type } = items
  if (type === 'string') {
    const choices = Array.isArray(items.enum) ? items.enum.filter(c => typeof c === 'string') : []
    return { kind: 'texts', choices }
  }
  return type === 'number' || type === 'integer' ? { kind: 'numbers' } : { kind: 'json' }
}

function numberShape(schema: JsonSchema): Shape {
  const integer = schema.type === 'integer'
  // zod states the safe integer range where no limit was given: that is no limit.
  const real = (limit: number | undefined) =>
    limit === undefined || Math.abs(limit) >= Number.MAX_SAFE_INTEGER ? undefined : limit
  const min = real(number(schema.minimum)) ?? real(number(schema.exclusiveMinimum))
  const max = real(number(schema.maximum)) ?? real(number(schema.exclusiveMaximum))
  const span = min !== undefined && max !== undefined ? max - min : undefined
  const step = number(schema.multipleOf) ?? (integer ? 1 : span !== undefined && span <= 2 ? 0.05 : 0.1)
  return { kind: 'number', min, max, integer, step }
}

function unionShape(cases: JsonSchema[]): Shape {
  if (cases.every(c => 'const' in c)) {
    return { kind: 'choice', choices: cases.flatMap(c => text(c.const) ?? number(c.const) ?? []) }
  }
  const key = discriminator(cases)
  if (key === undefined) return { kind: 'json' }
  return {
    kind: 'union',
    key,
    cases: cases.map(c => {
      const tag = constantOf(c, key) ?? ''
      return { tag, title: text(c.title) ?? titleOf(tag), fields: fieldsOf(c) }
    }),
  }
}

function constantOf(schema: JsonSchema, key: string): string | undefined {
  const property = isObject(schema.properties) ? schema.properties[key] : undefined
  return isObject(property) ? text(property.const) : undefined
}

/** Name of the property that is a different constant in every case. */
function discriminator(cases: JsonSchema[]): string | undefined {
  const first = isObject(cases[0]?.properties) ? Object.keys(cases[0].properties) : []
  return first.find(key => new Set(cases.map(c => constantOf(c, key) ?? '')).size === cases.length)
}

function emptyValue(shape: Shape): unknown {
  switch (shape.kind) {
    case 'choice':
      return shape.choices[0]
    case 'switch':
      return false
    case 'number':
      return shape.min ?? 0
    case 'text':
      return ''
    case 'texts':
    case 'numbers':
      return []
    case 'group':
      return initialValues(shape.fields)
    case 'union':
      return unionValue(shape.key, shape.cases[0])
    case 'json':
      return null
  }
}

/** The value of a union when one of its cases is chosen. */
export function unionValue(key: string, chosen: UnionCase | undefined): Record<string, unknown> {
  return { [key]: chosen?.tag ?? '', ...initialValues(chosen?.fields ?? []) }
}

/** All options as they are when nobody chooses. */
export function initialValues(fields: readonly Field[]): Record<string, unknown> {
  return Object.fromEntries(fields.map(f => [f.name, f.initial]))
}

/** Options that differ from their defaults: what a recipe needs to say. */
export function changedValues(
  fields: readonly Field[],
  values: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    fields
      .filter(f => JSON.stringify(values[f.name]) !== JSON.stringify(f.initial))
      .map(f => [f.name, values[f.name]]),
  )
}

/** Options of a technique begun with what another had, where the two have them in common. */
export function carriedValues(
  fields: readonly Field[],
  from: readonly Field[],
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const changed = changedValues(from, { ...values })
  const kept = Object.entries(changed).filter(([name, value]) => {
    const field = fields.find(f => f.name === name)
    if (!field || field.kind !== from.find(f => f.name === name)?.kind) return false
    return field.kind !== 'choice' || field.choices.some(c => c === value)
  })
  return { ...initialValues(fields), ...Object.fromEntries(kept) }
}
