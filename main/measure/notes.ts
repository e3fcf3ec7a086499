/** What a person should know about a model before changing it: one function per note, each returning it or nothing. */
import type { Note, TensorInfo } from '../../shared/domain'
import { formatBytes } from '../../shared/format'
import { intAttribute } from '../onnx/build'
import { duplicateWeights } from '../onnx/duplicates'
import { foreignDomains } from '../onnx/foreign'
import { isHiddenType } from '../onnx/hidden'
import type { Types } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { isPaged } from '../onnx/paged'
import { constantTensor } from '../onnx/skeleton'
import { dataTypeName, isExternal, tensorByteLength } from '../onnx/tensor'
import { eachNode, eachTensor } from '../onnx/walk'
import type { Layers } from './layers'

export interface About {
  model: Model
  types: Types
  inputs: TensorInfo[]
  outputs: TensorInfo[]
  layers: Layers
  /** ORT's words when it refused the model. */
  refused: string | null
}

/** Newest version of ai.onnx that ONNX Runtime 1.30 supports, and the oldest Bantam promises to read. */
const NEWEST_OPSET = 26
const OLDEST_OPSET = 7

/** All notes that apply, the ones that matter most first. */
export function modelNotes(about: About): Note[] {
  const notes = RULES.flatMap(rule => rule(about) ?? [])
  const order = ['error', 'warning', 'info']
  return notes.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
}

type Rule = (about: About) => Note | Note[] | undefined

function note(severity: Note['severity'], code: string, message: string, action?: string): Note {
  return action === undefined ? { code, severity, message } : { code, severity, message, action }
}

const RULES: Rule[] = [
  refusedByOrt,
  opsetRange,
  customOperators,
  unreadableInputs,
  unreadableOutputs,
  trainingMode,
  dynamicShapes,
  unknownShapes,
  halfPrecision,
  quantizedForm,
  controlFlow,
  modelFunctions,
  constantNodes,
  duplicates,
  overridable,
  externalData,
  unknownCosts,
]

function refusedByOrt({ refused, model }: About): Note | undefined {
  if (refused === null) return undefined
  const custom = foreignDomains(model)
  const action =
    custom.length > 0
      ? `It uses operators of ${custom.join(', ')}, which ONNX Runtime does not have by itself.`
      : 'Export the model again, or with a version of the operator set that ONNX Runtime supports.'
  return note('error', 'ort-refuses', refused, action)
}

function opsetRange({ model }: About): Note | undefined {
  const opset = model.opset()
  if (opset > NEWEST_OPSET) {
    const message = `The model uses operator set ${opset}; ONNX Runtime supports up to ${NEWEST_OPSET}.`
    return note('warning', 'opset-new', message, `Export it with operator set ${NEWEST_OPSET} or older.`)
  }
  if (opset > 0 && opset < OLDEST_OPSET) {
    const message = `The model uses operator set ${opset}; below ${OLDEST_OPSET} some operators mean something else.`
    return note('warning', 'opset-old', message, 'Export it again, or convert it to a newer operator set.')
  }
  return undefined
}

function customOperators({ model }: About): Note | undefined {
  const domains = foreignDomains(model)
  if (domains.length === 0) return undefined
  return note(
    'warning',
    'custom-operators',
    `The model uses custom operators of ${domains.join(', ')}: they are kept as they are, and need their library to run.`,
  )
}

const FOUR_BIT = /^u?int4$/
const NO_TENSOR = /^(sequence|map|optional|sparseTensor|unknown)$/

function unreadableOutputs({ outputs }: About): Note[] {
  return outputs.flatMap(({ name, type }) => {
    if (FOUR_BIT.test(type) || isHiddenType(type)) {
      return note(
        'warning',
        'output-type',
        `Output ${name} is ${type}, which cannot be read here.`,
        'Add a Cast.',
      )
    }
    if (NO_TENSOR.test(type)) {
      return note(
        'info',
        'output-type',
        `Output ${name} is no tensor (${type}): it is left out of measurements.`,
      )
    }
    return []
  })
}

function unreadableInputs({ inputs }: About): Note[] {
  return inputs.flatMap(({ name, type }) => {
    if (!FOUR_BIT.test(type) && !isHiddenType(type) && !NO_TENSOR.test(type)) return []
    return note('warning', 'input-type', `Input ${name} is ${type}, which cannot be fed here.`)
  })
}

function trainingMode({ model }: About): Note | undefined {
  const node = model.graph.nodes.find(
    n => n.opType === 'BatchNormalization' && intAttribute(n, 'training_mode', 0) === 1,
  )
  if (!node) return undefined
  const message =
    'The model was exported in training mode: batch normalization uses the statistics of each batch.'
  return { ...note('warning', 'training-mode', message, 'Export it in evaluation mode.'), node: node.name }
}

function dynamicShapes({ inputs }: About): Note | undefined {
  const names = inputs.filter(i => i.shape.some(d => typeof d === 'string' || d < 0)).map(i => i.name)
  const beyondBatch = inputs.some(i =>
    i.shape.some((d, axis) => axis > 0 && (typeof d === 'string' || d < 0)),
  )
  if (names.length === 0) return undefined
  const what = beyondBatch ? 'dimensions that are not fixed' : 'a free batch dimension'
  return note(
    'info',
    'dynamic-shapes',
    `${list('Input', names)} ${names.length > 1 ? 'have' : 'has'} ${what}.`,
  )
}

function unknownShapes({ model, types }: About): Note | undefined {
  const values = model.graph.nodes.flatMap(n => n.output).filter(name => name !== '')
  const unknown = values.filter(name => !types.has(name))
  if (unknown.length === 0) return undefined
  const message = `The rank of ${unknown.length} of ${values.length} values is known only when the model runs.`
  return note('info', 'unknown-shapes', message)
}

function halfPrecision({ model, inputs, outputs }: About): Note[] {
  const notes: Note[] = []
  const counts = weightTypes(model)
  for (const type of ['float16', 'bfloat16'] as const) {
    if (counts.has(type)) notes.push(note('info', `${type}-weights`, `The model holds weights as ${type}.`))
  }
  const half = [...inputs, ...outputs].filter(v => v.type === 'float16').map(v => v.name)
  if (half.length > 0)
    notes.push(note('info', 'float16-inputs', `${half.join(', ')}: fed and read as float16.`))
  return notes
}

function weightTypes(model: Model): Set<string> {
  const found = new Set<string>()
  eachTensor(model.proto, tensor => {
    if (tensor.dims.length > 0) found.add(dataTypeName(tensor.dataType))
  })
  return found
}

function quantizedForm({ model }: About): Note | undefined {
  const ops = new Set<string>()
  eachNode(model.graph.proto, node => ops.add(node.opType))
  const has = (pattern: RegExp) => [...ops].some(op => pattern.test(op))
  const form = has(/^(MatMulNBits|MatMulBnb4|MatMulFpQ4|GatherBlockQuantized)$/)
    ? 'weights only, in blocks (MatMulNBits)'
    : has(/^DynamicQuantize/)
      ? 'dynamically: activations are quantized while it runs (DynamicQuantizeLinear)'
      : has(/^QLinear(Conv|MatMul)|^QGemm|^(Conv|MatMul)Integer/)
        ? 'statically, in operator form (QLinear operators)'
        : has(/^QuantizeLinear$/)
          ? 'statically, in QDQ form (QuantizeLinear and DequantizeLinear)'
          : has(/^DequantizeLinear$/)
            ? 'weights only (DequantizeLinear)'
            : undefined
  if (!form) return undefined
  const message = `The model is already quantized: ${form}.`
  return note('warning', 'already-quantized', message, 'Start from the float model where there is one.')
}

function controlFlow({ model }: About): Note | undefined {
  const nodes = model.graph.nodes.filter(n => n.attribute.some(a => a.g || a.graphs.length > 0))
  if (nodes.length === 0) return undefined
  const kinds = [...new Set(nodes.map(n => n.opType))].join(', ')
  const message = `The model has control flow (${kinds}): what lies inside is kept as it is and not changed.`
  return note('info', 'control-flow', message)
}

function modelFunctions({ model }: About): Note | undefined {
  const count = model.proto.functions.length
  if (count === 0) return undefined
  return note(
    'info',
    'functions',
    `The model defines functions of its own (${count}): they are kept as they are.`,
  )
}

/** Constant nodes above this hold weights. */
const WEIGHT_BYTES = 1024

function constantNodes({ model }: About): Note | undefined {
  const large = model.graph.nodes.filter(node => {
    const tensor = constantTensor(node)
    return tensor && dataTypeName(tensor.dataType) !== 'string' && tensorByteLength(tensor) > WEIGHT_BYTES
  })
  if (large.length === 0) return undefined
  const many =
    large.length > 1 ? 'weights are stored as Constant nodes' : 'weight is stored as a Constant node'
  const message = `${large.length} ${many} instead of initializers.`
  return note('info', 'constant-weights', message)
}

function duplicates({ model }: About): Note | undefined {
  const groups = duplicateWeights(model)
  if (groups.length === 0) return undefined
  const wasted = groups.reduce((sum, { names, bytes }) => sum + bytes * (names.length - 1), 0)
  const many = groups.length > 1 ? 'weights are' : 'weight is'
  const message = `${groups.length} ${many} stored more than once, ${formatBytes(wasted)} too much.`
  return note('info', 'duplicate-weights', message, 'Simplifying the model merges them.')
}

function overridable({ model }: About): Note | undefined {
  const count = model.graph.proto.input.filter(v => model.graph.initializer(v.name)).length
  if (count === 0) return undefined
  const many = count > 1 ? 'weights are also inputs' : 'weight is also an input'
  const message = `${count} ${many}, so that a caller may replace it: ONNX Runtime then cannot fold it.`
  return note('info', 'weights-are-inputs', message)
}

function externalData({ model }: About): Note | undefined {
  const locations = new Set<string>()
  eachTensor(model.proto, tensor => {
    if (isExternal(tensor) && !isPaged(tensor)) {
      locations.add(tensor.externalData.find(e => e.key === 'location')?.value ?? '')
    }
  })
  if (locations.size === 0) return undefined
  const [first] = locations
  const where = locations.size === 1 ? first : `${locations.size} files`
  return note('info', 'external-data', `Weights lie beside the model, in ${where}: keep them together.`)
}

function unknownCosts({ layers }: About): Note[] {
  return Object.entries(layers.unknownCost).map(([op, count]) =>
    note('info', 'unknown-cost', `The cost of ${count} × ${op} is not known: ${layers.reasons.get(op)}`),
  )
}

function list(what: string, names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return `${what}${names.length > 1 ? 's' : ''} ${shown}${more}`
}
