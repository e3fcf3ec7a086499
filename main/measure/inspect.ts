/** What a model file is: its inputs and outputs, layers, cost, and what a person should know before using it. */
import { closeSync, openSync, statSync } from 'node:fs'
import type { ModelSummary, Note, TensorInfo } from '../../shared/domain'
import { assumeSizes, languageNote, withVocabulary } from '../language/inspect'
import type { Assumption } from '../onnx/assume'
import { checkModel } from '../onnx/check'
import { readAt } from '../onnx/external'
import { inferModel, inferWithShapes, type Types, valueTensorInfo } from '../onnx/infer'
import { type Model, normalDomain } from '../onnx/model'
import { hashFiles, modelFiles, readModel } from '../onnx/read'
import { isOrtFormat } from '../onnx/sniff'
import { dataTypeName } from '../onnx/tensor'
import { operatorKey } from '../operators'
import { openSession } from '../runtime/session'
import { contentOf } from './content'
import { type Layers, summarizeLayers } from './layers'
import { modelNotes } from './notes'
import { tableRows } from './tables'

/**
 * Reads, checks and summarizes a model. MACs are for one sample: a symbolic leading dimension counts as 1, and other
 * symbolic dimensions as `assumeShapes` says, each named in a note. Memory does not depend on the size of the weights.
 * Throws as `readModel` and `checkModel`.
 */
export async function inspectModel(path: string): Promise<ModelSummary> {
  if (startsAsOrt(path)) return inspectOrt(path)
  const model = await readModel(path)
  checkModel(model, path)
  const files = await modelFiles(path)
  const { types, refused } = await inferModel(model)
  const taken = model.graph.proto.input
    .filter(v => !model.graph.initializer(v.name))
    .map(v => withRows(model, types.get(v.name) ?? bareInfo(model, v.name)))
  const outputs = model.graph.proto.output.map(v => types.get(v.name) ?? bareInfo(model, v.name))
  const inputs = withVocabulary(model, taken, outputs)
  const { sized, assumptions } = await sizedTypes(model, inputs, outputs, types)
  const layers = perSample(summarizeLayers(model, types, sized), inputs, outputs)
  const notes = modelNotes({ model, types, inputs, outputs, layers, refused })
  return {
    hash: await hashFiles(files),
    sizeBytes: files.reduce((sum, file) => sum + statSync(file).size, 0),
    content: contentOf(model),
    opset: model.opset(),
    opsets: opsets(model),
    producer: [model.proto.producerName, model.proto.producerVersion].filter(Boolean).join(' '),
    inputs,
    outputs,
    parameters: layers.parameters,
    macs: layers.macs,
    unknownCost: layers.unknownCost,
    nodes: model.graph.nodes.length,
    operators: histogram(model),
    layers: layers.layers,
    notes: [...languageNote(inputs, outputs), ...notes, ...assumptions.map(assumptionNote)],
  }
}

/** Token numbers beyond a model's table are known before it is run. */
function withRows(model: Model, input: TensorInfo): TensorInfo {
  const rows = /int/.test(input.type) ? tableRows(model.graph, input.name) : undefined
  return rows === undefined ? input : { ...input, rows }
}

function opsets(model: Model): Record<string, number> {
  return Object.fromEntries(model.proto.opsetImport.map(o => [normalDomain(o.domain), Number(o.version)]))
}

function histogram(model: Model): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const node of model.graph.nodes) {
    const key = operatorKey(node.opType, node.domain)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a))
}

/** A graph value ORT says nothing of: a tensor of unknown rank, a sequence, a map. */
function bareInfo(model: Model, name: string): TensorInfo {
  const value = [...model.graph.proto.input, ...model.graph.proto.output].find(v => v.name === name)
  const type = value?.type?.value
  if (value && type?.case === 'tensorType') {
    return valueTensorInfo(value) ?? { name, type: dataTypeName(type.value.elemType), shape: [] }
  }
  return { name, type: type?.case?.replace('Type', '') ?? 'unknown', shape: [] }
}

/**
 * Types with dimensions as numbers. Where the assumed sizes contradict the model (a length that must be a multiple of
 * something), those ORT finds without them are used: their symbolic dimensions stay unknown.
 */
async function sizedTypes(
  model: Model,
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
  types: Types,
): Promise<{ sized: Types; assumptions: Assumption[] }> {
  const { shapes, assumptions } = assumeSizes(inputs, outputs)
  const known = inputs.filter(input => types.has(input.name)).map(input => input.name)
  const sized = await inferWithShapes(model, new Map([...shapes].filter(([name]) => known.includes(name))))
  return sized ? { sized, assumptions } : { sized: types, assumptions: [] }
}

function assumptionNote({ input, axis, dimension, size }: Assumption): Note {
  const name = dimension === '' ? `dimension ${axis}` : `dimension ${axis} (${dimension})`
  return {
    code: 'assumed-dimension',
    severity: 'info',
    message: `The multiply-accumulates are counted with ${size} for ${name} of input ${input}.`,
  }
}

/** Divides the cost by a batch that is fixed in the model: every input and output leads with the same number. */
export function perSample(
  layers: Layers,
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
): Layers {
  const leading = new Set([...inputs, ...outputs].map(value => value.shape[0]))
  const [batch] = leading
  if (leading.size !== 1 || typeof batch !== 'number' || batch < 2) return layers
  return {
    ...layers,
    macs: layers.macs / batch,
    layers: layers.layers.map(l => ({ ...l, macs: l.macs === null ? null : l.macs / batch })),
  }
}

function startsAsOrt(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) return false
  const file = openSync(path, 'r')
  try {
    return isOrtFormat(readAt(file, 0, Math.min(16, stat.size)))
  } finally {
    closeSync(file)
  }
}

/** A .ort file shows its inputs and outputs only. */
async function inspectOrt(path: string): Promise<ModelSummary> {
  const session = await openSession(path, { optimization: 'disabled', threads: 1 })
  const { inputs, outputs } = session
  await session.close()
  return {
    hash: await hashFiles([path]),
    sizeBytes: statSync(path).size,
    opset: 0,
    opsets: {},
    producer: 'ONNX Runtime',
    inputs,
    outputs,
    parameters: 0,
    macs: 0,
    unknownCost: {},
    nodes: 0,
    operators: {},
    layers: [],
    notes: [
      {
        code: 'ort-format',
        severity: 'warning',
        message:
          'The file is in ORT format: only its inputs and outputs can be read, and it cannot be changed.',
        action: 'Open the ONNX file it was made from.',
      },
    ],
  }
}
