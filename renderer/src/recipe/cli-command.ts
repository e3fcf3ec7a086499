/** The command line that makes the same file: flags are the technique's schema fields in kebab case. */
import type { DatasetSpec, Step, TechniqueInfo, Variant } from '../../../shared/domain'
import { needOf } from '../../../shared/needs'
import { MODEL_PREFIX } from '../distill/student'
import { isPruning, isQuantizedTraining, isTrainingTechnique } from '../variant/kinds'
import { isRecord, optionFields, sameValue } from './option-rows'

export interface CommandInput {
  step: Step
  /** Undefined when this version does not know the technique: every option is then written out. */
  technique: TechniqueInfo | undefined
  /** File the step reads, and the one it writes. */
  model: string
  out: string
  /** Data to calibrate or train with; null when the study has none. */
  data: DatasetSpec | null
  seed: number
}

/** Arguments after `npx`, unquoted. Options at their defaults are left out. */
export function commandArguments(input: CommandInput): string[] {
  const { step, technique } = input
  const dot = step.technique.indexOf('.')
  const verb = dot < 0 ? step.technique : step.technique.slice(0, dot)
  // Commands that train know one technique each.
  const method =
    dot < 0 || isTrainingTechnique(step.technique) ? [] : ['--method', step.technique.slice(dot + 1)]
  const { needsData, split } = dataNeeds(input)
  return [
    'bantam',
    verb,
    ...(verb === 'distill' ? ['--teacher', input.model] : [input.model]),
    ...method,
    ...(needsData ? dataFlags(input.data, split) : []),
    ...optionFlags(step, technique),
    ...(input.seed === 0 ? [] : ['--seed', String(input.seed)]),
    '--out',
    input.out,
  ]
}

/** Options may say whether a technique looks at data. Trainings, recovery among them, learn from the training split. */
function dataNeeds({ step, technique, data }: CommandInput): {
  needsData: boolean
  split: 'calibration' | 'train'
} {
  const { technique: id, options } = step
  const trains = isTrainingTechnique(id) || isQuantizedTraining(id)
  if (!technique) return { needsData: data !== null, split: 'train' }
  const need = needOf(technique, options)
  // Blocks of weights that are learnt from samples are learnt anew where the plan is applied, as trainings are.
  const learns = need?.option ? !isPruning(id) || need.option.name === 'recovery' : trains
  return {
    needsData: need !== null,
    split: need?.needs === 'calibration' && !learns ? 'calibration' : 'train',
  }
}

/** Preprocessing that the command line cannot find out by itself lies in this file of the bundle. */
export const PREPROCESSING_FILE = 'preprocessing.json'

function dataFlags(spec: DatasetSpec | null, split: 'calibration' | 'train'): string[] {
  if (!spec) return ['--data', 'DATA', '--split', split]
  const labels =
    spec.labels === null ? ['--no-labels'] : spec.labels === undefined ? [] : ['--labels', spec.labels]
  const inputs = Object.entries(spec.inputs).map(([name, columns]) => `${name}=${columns.join(',')}`)
  const own = spec.source.startsWith('sample:')
  return [
    '--data',
    spec.source,
    '--split',
    split,
    ...(own ? [] : labels),
    ...(own || !spec.preprocessing ? [] : ['--preprocessing', PREPROCESSING_FILE]),
    ...(own || inputs.length === 0 ? [] : ['--input', ...inputs]),
  ]
}

function optionFlags(step: Step, technique: TechniqueInfo | undefined): string[] {
  const defaults = new Map(technique ? optionFields(technique.schema).map(f => [f.key, f.fallback]) : [])
  return Object.entries(step.options).flatMap(([key, value]) =>
    sameValue(value, defaults.get(key)) ? [] : flag(kebab(key), value),
  )
}

function flag(name: string, value: unknown): string[] {
  if (value === undefined) return []
  if (value === null) return [`--${name}`, 'none']
  if (typeof value === 'boolean') return [value ? `--${name}` : `--no-${name}`]
  if (Array.isArray(value)) {
    if (value.length === 0) return []
    return [`--${name}`, ...value.map(v => (isRecord(v) ? recordText(v) : String(v)))]
  }
  if (isRecord(value)) return [`--${name}`, JSON.stringify(value)]
  return [`--${name}`, String(value)]
}

/** Objects of a list as the command line reads them: 'group=w0[1],keep=0.5'. */
function recordText(record: Record<string, unknown>): string {
  return Object.entries(record)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',')
}

/** The same as one line for a POSIX shell. */
export function commandLine(input: CommandInput): string {
  return ['npx', ...commandArguments(input)].map(shellQuoted).join(' ')
}

/** 'perChannel' → 'per-channel'. */
export function kebab(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
}

/** Quotes an argument where a POSIX shell would change it. */
export function shellQuoted(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument
  return `'${argument.replaceAll("'", `'\\''`)}'`
}

/** The name under which the engine exports a variant: 'Static int8 (b)' → 'static-int8-b.onnx'. */
export function fileNameOf(variant: Pick<Variant, 'name'>): string {
  const plain = variant.name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .toLowerCase()
  return `${plain || 'bantam'}.onnx`
}

/** From the teacher to `variant`, teacher first; a parent that was removed ends the chain. */
export function lineage(variants: readonly Variant[], variant: Variant): Variant[] {
  const byId = new Map(variants.map(v => [v.id, v]))
  const chain: Variant[] = []
  let at: Variant | undefined = variant
  while (at && !chain.includes(at)) {
    chain.unshift(at)
    at = at.parentId === null ? undefined : byId.get(at.parentId)
  }
  return chain
}

/** A student or further teacher that is a variant of the study, as the file that the Export tab saves of it. */
function withFiles(step: Step, variants: readonly Variant[]): Step {
  const file = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(file)
    if (typeof value !== 'string' || !value.startsWith(MODEL_PREFIX)) return value
    const variant = variants.find(v => v.id === value.slice(MODEL_PREFIX.length))
    return variant ? fileNameOf(variant) : value
  }
  return { ...step, options: Object.fromEntries(Object.entries(step.options).map(([k, v]) => [k, file(v)])) }
}

/** One command per step from the teacher to the last of `chain`, each reading what the one before wrote. */
export function commandLines(
  chain: readonly Variant[],
  techniques: readonly TechniqueInfo[],
  data: DatasetSpec | null,
  all: readonly Variant[] = chain,
): string[] {
  return chain.flatMap((variant, i) => {
    const parent = chain[i - 1]
    if (!variant.step || !parent) return []
    return commandLine({
      step: withFiles(variant.step, all),
      technique: techniques.find(t => t.id === variant.step?.technique),
      model: fileNameOf(parent),
      out: fileNameOf(variant),
      data,
      seed: variant.seed,
    })
  })
}
