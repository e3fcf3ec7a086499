/**
 * Dynamic int8 quantization: weights become 8-bit once, activations in every run with the range they have then.
 *
 *   Y = X·W  →  (x, s_x, z_x) = DynamicQuantizeLinear(X);  Y = Cast(MatMulInteger(x, w, z_x, z_w)) · (s_x · s_w)
 *
 * ONNX Runtime fuses this into DynamicQuantizeMatMul. LSTM becomes com.microsoft DynamicQuantizeLSTM; embeddings are
 * gathered as codes and dequantized after. Convolutions are left alone unless asked for: ConvInteger has no fast
 * kernel, and none at all for int8 weights, so these are uint8 then.
 */
import type { NodeProto } from 'onnx-buf'
import { z } from 'zod'
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { intAttribute } from '../onnx/build'
import { describeNode } from '../onnx/graph'
import { type Model, normalDomain } from '../onnx/model'
import { tensorCount } from '../onnx/tensor'
import type { PlanInput, Technique } from '../technique'
import { adviseDynamic } from './advice'
import type { CodeType } from './affine'
import { gathersRows, SMALLEST_TABLE, tableRefusal } from './coded-table'
import { editableCopy } from './copy'
import { DynamicDecisions, DynamicWriter } from './dynamic-write'
import { nodeId, nodeLabel, nodesNamed } from './names'
import { prepared } from './prepare'
import { smoothFields } from './smooth/options'
import { decideSmoothing, withSmoothing } from './smooth/smooth'
import { addedTables } from './static/added-tables'
import { elementTypes } from './types'
import { opsetObstacles } from './upgrade'
import { allFinite, floatValues, weightScales } from './weights'

const OPSET = 11

export const DynamicOptions = z.object({
  perChannel: z.boolean().default(true).meta({
    title: 'Scale per channel',
    description:
      'One scale for every column of a weight instead of one for the whole weight: more exact, as fast.',
  }),
  reduceRange: z.boolean().default(false).meta({
    title: 'Seven-bit weights',
    description: 'Keep weights to seven bits so that processors without VNNI cannot saturate.',
  }),
  ...smoothFields,
  embeddings: z.boolean().default(true).meta({
    title: 'Embeddings',
    description:
      'Store embedding tables (constants that Gather reads) and tables of positions (constants that are added) in 8 bits as well.',
  }),
  convolutions: z.boolean().default(false).meta({
    title: 'Convolutions',
    description:
      'Quantize convolutions too. ONNX Runtime then runs them 8 to 13 times slower than in float; use static int8 instead.',
  }),
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float',
    description: 'Names of nodes (or of values they make) that are not quantized.',
  }),
})
export type DynamicOptions = z.output<typeof DynamicOptions>

/** Samples on which smoothing is measured, at most. */
const SAMPLES = 200

export const dynamicInt8: Technique<typeof DynamicOptions> = {
  id: 'quantize.dynamic-int8',
  title: 'Dynamic int8',
  summary:
    'Weights of matrix products become 8-bit integers; activations are quantized while the model runs, so no data is needed. Good for transformers and other networks of large matrix products.',
  reference: 'ONNX specification, DynamicQuantizeLinear and MatMulInteger (onnx.ai/onnx/operators)',
  needs: 'nothing',
  options: DynamicOptions,
  advise: adviseDynamic,
  plan: planDynamic,
  async apply(model, plan): Promise<Model> {
    const decisions = DynamicDecisions.parse(plan.decisions)
    const copy = editableCopy(withSmoothing((await prepared(model)).model, decisions.smoothing))
    new DynamicWriter(copy, decisions).write()
    return copy
  },
}

type Entry = DynamicDecisions['nodes'][number]

async function planDynamic(input: PlanInput, options: DynamicOptions, context: TaskContext): Promise<Plan> {
  const { model: simple, notes } = await prepared(input.model)
  const { model, smoothing, notes: smoothed } = await smoothedFirst(simple, input, options, context)
  notes.push(...smoothed)
  const exclude = nodesNamed(model.graph, options.exclude)
  const types = await elementTypes(model)
  const nodes: Entry[] = []
  const all = model.graph.nodes
  for (const [i, node] of all.entries()) {
    const form = formOf(model, node, options)
    if (!form) continue
    const reason =
      'reason' in form
        ? form.reason
        : exclude.has(node)
          ? 'excluded'
          : types.get(nodeId(node))?.type !== 'float32'
            ? 'its values are not float32'
            : form.kind === 'gather'
              ? tableRefusal(model, node.input[0] ?? '', exclude, gathersRows)
              : null
    if (reason !== null) notes.push(left(node, reason))
    else if ('kind' in form) {
      const entry = measure(model, node, form, options)
      if (typeof entry === 'string') notes.push(left(node, entry))
      else nodes.push(entry)
    }
    context.progress((i + 1) / all.length, 'Measuring weights')
    await breathe(context)
  }
  if (nodes.length === 0) {
    const why = notes.find(n => n.code === 'left-in-float')?.message
    throw new BantamError('unsupported', 'Dynamic int8 finds nothing to quantize in this model.', {
      action: why ?? 'It has no MatMul, Gemm, LSTM or embedding with constant weights in its main graph.',
    })
  }
  const opset = Math.max(model.opset(), OPSET)
  if (opset > model.opset()) {
    const [obstacle] = opsetObstacles(model, opset)
    if (obstacle) {
      throw new BantamError(
        'unsupported',
        `DynamicQuantizeLinear needs opset 11; this model has ${model.opset()}.`,
        {
          action: `It cannot be raised: ${obstacle}. Export the model again with a newer opset.`,
        },
      )
    }
    notes.push({
      code: 'opset-raised',
      severity: 'info',
      message: `The operator set is raised from ${model.opset()} to ${opset}, which DynamicQuantizeLinear needs.`,
    })
  }
  notes.push({
    code: 'quantized',
    severity: 'info',
    message: `The weights of ${nodes.length} nodes are stored in 8 bits.`,
  })
  const { tables: added, notes: kept } = options.embeddings
    ? addedTables(model, exclude, new Set())
    : { tables: [], notes: [] }
  notes.push(...kept)
  const decisions: DynamicDecisions = { opset, reduced: options.reduceRange, smoothing, nodes, added }
  return {
    technique: dynamicInt8.id,
    version: 1,
    seed: input.seed,
    options: { ...options },
    decisions,
    notes,
  }
}

/** Smooths what matrix products read that will be quantized. */
async function smoothedFirst(
  model: Model,
  { calibration, threads }: PlanInput,
  options: DynamicOptions,
  context: TaskContext,
): Promise<Awaited<ReturnType<typeof decideSmoothing>>> {
  const { smooth } = options
  if (smooth === 'none') return { model, smoothing: [], notes: [] }
  if (!calibration?.indices.length) {
    throw new BantamError('bad-data', 'Smoothing is measured on samples, and there are none.', {
      where: 'smooth',
      action: 'Add a dataset (--data), or leave smoothing out.',
    })
  }
  const exclude = nodesNamed(model.graph, options.exclude)
  const products = model.graph.topological().filter(node => {
    const form = formOf(model, node, options)
    return !exclude.has(node) && form !== null && 'kind' in form && ['matmul', 'gemm'].includes(form.kind)
  })
  return decideSmoothing(
    model,
    products.map(node => ({ node })),
    { ...options, smooth, symmetric: false, reduced: options.reduceRange },
    { dataset: calibration.dataset, indices: calibration.indices.subarray(0, SAMPLES), threads },
    context,
  )
}

function left(node: NodeProto, reason: string): Note {
  return {
    code: 'left-in-float',
    severity: 'info',
    node: nodeLabel(node),
    message: `${describeNode(node)} stays in float: ${reason}.`,
  }
}

type Form = { kind: Entry['kind']; weights: number[] }

/** How a node would be quantized; why it cannot be; null when it is none of the kinds concerned. */
function formOf(model: Model, node: NodeProto, options: DynamicOptions): Form | { reason: string } | null {
  if (normalDomain(node.domain) !== '') return null
  const constant = (i: number) => model.graph.initializer(node.input[i] ?? '')
  switch (node.opType) {
    case 'MatMul':
      if (!constant(1)) return { reason: 'its second input is computed' }
      return constant(1)?.dims.length === 2
        ? { kind: 'matmul', weights: [1] }
        : { reason: 'its weights are not a matrix' }
    case 'Gemm':
      if (!constant(1)) return { reason: 'its second input is computed' }
      return intAttribute(node, 'transA', 0)
        ? { reason: 'its first input is transposed' }
        : { kind: 'gemm', weights: [1] }
    case 'LSTM':
      if (!constant(1) || !constant(2)) return { reason: 'its weights are not constant' }
      return intAttribute(node, 'layout', 0)
        ? { reason: 'it is batch-first' }
        : { kind: 'lstm', weights: [1, 2] }
    case 'Gather': {
      const table = constant(0)
      if (!options.embeddings || !table || tensorCount(table) < SMALLEST_TABLE) return null
      return table.dims.length === 2 ? { kind: 'gather', weights: [0] } : null
    }
    case 'Conv':
      if (!options.convolutions) {
        return { reason: 'dynamically quantized convolutions are 8 to 13 times slower than float ones' }
      }
      return constant(1) ? { kind: 'conv', weights: [1] } : { reason: 'its weights are not constant' }
    case 'If':
    case 'Loop':
    case 'Scan':
      return { reason: 'it holds subgraphs, and nodes inside subgraphs are left alone' }
    default:
      return null
  }
}

/** Scales of a node's weights; a reason when they cannot be quantized. */
function measure(model: Model, node: NodeProto, form: Form, options: DynamicOptions): Entry | string {
  const type: CodeType = form.kind === 'conv' ? 'uint8' : 'int8'
  const weights: Entry['weights'] = []
  for (const position of form.weights) {
    const name = node.input[position] as string
    const tensor = model.graph.initializer(name)
    if (!tensor) return 'its weights are not constant'
    if (tensor.dataType !== 1) return 'its weights are not float32'
    const values = floatValues(tensor, model.directory)
    if (!allFinite(values)) return 'its weights are not all finite'
    const axis = axisOf(node, form.kind, options.perChannel)
    const dims = tensor.dims.map(Number)
    // LSTM weights are [directions, 4·hidden, inputs]: one scale per direction.
    weights.push({ position, ...weightScales(values, dims, axis, { type, reduced: options.reduceRange }) })
  }
  return { id: nodeId(node), kind: form.kind, type, weights }
}

function axisOf(node: NodeProto, kind: Entry['kind'], perChannel: boolean): number | null {
  if (kind === 'lstm') return 0
  if (!perChannel) return null
  if (kind === 'matmul') return 1
  return kind === 'gemm' ? (intAttribute(node, 'transB', 0) ? 0 : 1) : null
}
