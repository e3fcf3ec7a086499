/** Half precision, first half: deciding which nodes. */
import type { NodeProto } from 'onnx-buf'
import type { Note, Plan, TensorInfo } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext, within } from '../../jobs/context'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import type { PlanInput } from '../../technique'
import { calibrate } from '../calibrate/calibrate'
import { nodeId, nodeLabel, nodesNamed } from '../names'
import { prepared } from '../prepare'
import { elementTypes } from '../types'
import { opsetObstacles } from '../upgrade'
import { BFLOAT_OPSET } from './bfloat'
import { bfloatRefusal, halfRefusal, type Kept, LARGEST_HALF, storedInputs, touchesFloat } from './candidates'
import type { HalfDecisions, HalfOptions } from './options'
import { chooseHalf } from './search'

/** Samples on which ranges are measured, at most. */
const SAMPLES = 200

/**
 * Decides. Throws `bad-option` for an excluded node that does not exist, `bad-data` where nodes are to be chosen by
 * measuring and there are no samples, `unsupported` when nothing can be in half precision.
 */
export async function planHalf(input: PlanInput, options: HalfOptions, context: TaskContext): Promise<Plan> {
  const { type, keep } = options
  const { model, notes } = await prepared(input.model)
  if (keep === 'automatic' && !input.calibration?.indices.length) {
    throw new BantamError('bad-data', 'What stays in float32 is to be measured, and there are no samples.', {
      where: 'keep',
      action: 'Add a dataset (--data), or keep by range.',
    })
  }
  const kept = { exclude: nodesNamed(model.graph, options.exclude), operators: new Set(options.operators) }
  const types = await elementTypes(model)
  const search = within(context, keep === 'automatic' ? 0.4 : 1, 1)
  const found =
    type === 'float16'
      ? await halfCandidates(
          input,
          model,
          kept,
          types,
          notes,
          within(context, 0, keep === 'automatic' ? 0.4 : 1),
        )
      : { nodes: bfloatCandidates(model, kept, types, notes), samples: null }
  let { nodes } = found
  if (keep === 'automatic' && input.calibration && nodes.length > 0) {
    const { dataset, indices } = input.calibration
    const isFloat = (name: string) => types.get(name)?.type === 'float32'
    const samples = { dataset, indices, threads: input.threads }
    const request = { model, candidates: nodes, type, isFloat, target: options.sqnr, samples }
    const chosen = await chooseHalf(request, search)
    nodes = chosen.nodes
    notes.push(...chosen.notes)
  }
  if (nodes.length === 0) {
    const why = ['kept-in-float32', 'left-in-float'].flatMap(
      code => notes.find(n => n.code === code)?.message ?? [],
    )
    throw new BantamError('unsupported', `No node of this model can be in ${type}.`, {
      action: why[0] ?? 'It has no float32 values.',
    })
  }
  notes.push(summary(model, nodes, type))
  const decisions: HalfDecisions = { type, nodes: nodes.map(nodeId), samples: found.samples }
  return {
    technique: 'quantize.float16',
    version: 1,
    seed: input.seed,
    options: { ...options },
    decisions,
    notes,
  }
}

function summary(model: Model, nodes: readonly NodeProto[], type: HalfOptions['type']): Note {
  const how = type === 'float16' ? 'compute in float16' : 'read weights stored in bfloat16'
  const message = `${nodes.length} of ${model.graph.nodes.length} nodes ${how}.`
  return { code: 'quantized', severity: 'info', message }
}

function left(node: NodeProto, reason: string): Note {
  return {
    code: 'left-in-float',
    severity: 'info',
    node: nodeLabel(node),
    message: `${describeNode(node)} stays in float32: ${reason}.`,
  }
}

/** Nodes that can compute in float16 and whose values it can hold. */
async function halfCandidates(
  input: PlanInput,
  model: Model,
  kept: Kept,
  types: Map<string, TensorInfo>,
  notes: Note[],
  context: TaskContext,
): Promise<{ nodes: NodeProto[]; samples: number | null }> {
  const able: NodeProto[] = []
  for (const node of model.graph.nodes) {
    if (!touchesFloat(node, types)) continue
    const reason = halfRefusal(model, node, kept, types)
    if (reason === null) able.push(node)
    else notes.push(left(node, reason))
    await breathe(context)
  }
  const measured = await largestValues(input, model, able, types, context)
  const nodes: NodeProto[] = []
  for (const node of able) {
    const large = [...node.input, ...node.output].find(n => (measured?.largest.get(n) ?? 0) > LARGEST_HALF)
    if (large === undefined) nodes.push(node)
    else {
      const most = measured?.largest.get(large)?.toPrecision(3)
      notes.push(left(node, `${large} reaches ${most}, beyond float16's ${LARGEST_HALF}`))
    }
  }
  if (!measured) {
    notes.push({
      code: 'ranges-unknown',
      severity: 'info',
      message: `Whether activations stay within float16's ${LARGEST_HALF} was not looked at, for there was no data. On CPU ONNX Runtime computes most of them in float32, so that an overflow shows only on other devices.`,
      action: 'Give data, and nodes whose values are too large stay in float32.',
    })
  }
  return { nodes, samples: measured?.samples ?? null }
}

/** Nodes whose weights can be stored in bfloat16. Throws `unsupported` where the operator set has no bfloat16. */
function bfloatCandidates(
  model: Model,
  kept: Kept,
  types: Map<string, TensorInfo>,
  notes: Note[],
): NodeProto[] {
  const obstacles = model.opset() < BFLOAT_OPSET ? opsetObstacles(model, BFLOAT_OPSET) : []
  if (obstacles.length > 0) {
    throw new BantamError(
      'unsupported',
      `bfloat16 needs opset ${BFLOAT_OPSET}; this model has ${model.opset()}.`,
      {
        action: `It cannot be raised: ${obstacles[0]}. Export the model again with a newer opset.`,
      },
    )
  }
  notes.push({
    code: 'bfloat16-stored',
    severity: 'info',
    message:
      'Weights are stored in bfloat16 and computed with in float32: ONNX Runtime on CPU has no bfloat16 arithmetic. The file is half as large, memory and speed stay.',
  })
  return model.graph.nodes.filter(node => {
    if (!touchesFloat(node, types) || storedInputs(model, node).length === 0) return false
    const reason = bfloatRefusal(model, node, kept)
    if (reason !== null) notes.push(left(node, reason))
    return reason === null
  })
}

/** Largest magnitude of what the nodes make and take from the caller, on calibration samples; null without any. */
async function largestValues(
  input: PlanInput,
  model: Model,
  nodes: readonly NodeProto[],
  types: Map<string, TensorInfo>,
  context: TaskContext,
): Promise<{ largest: Map<string, number>; samples: number } | null> {
  if (!input.calibration || input.calibration.indices.length === 0) return null
  const made = new Set(nodes.flatMap(node => [...node.input, ...node.output]))
  const values = [...made].filter(
    name => types.get(name)?.type === 'float32' && !model.graph.initializer(name),
  )
  const { dataset, indices } = input.calibration
  const request = { model, values, dataset, indices: indices.subarray(0, SAMPLES), threads: input.threads }
  const { ranges, samples } = await calibrate({ ...request, method: { kind: 'minmax' } }, context)
  const largest = new Map([...ranges].map(([name, { min, max }]) => [name, Math.max(-min, max)]))
  return { largest, samples }
}
