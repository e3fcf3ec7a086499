/**
 * Weight-only int8: constants are stored as int8 codes with a scale per channel, and a DequantizeLinear makes them
 * float again where they are read. Nothing else changes: activations and arithmetic stay in float32. Or dense layers and
 * tables are stored in blocks, as in 4 bits (`block-plan`).
 */
import type { NodeProto } from 'onnx-buf'
import { z } from 'zod'
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { irVersionFor, makeNode } from '../onnx/build'
import { describeNode } from '../onnx/graph'
import { type Model, normalDomain } from '../onnx/model'
import { dataTypeName, makeTensor, tensorCount, tensorDims } from '../onnx/tensor'
import type { PlanInput, Technique } from '../technique'
import { adviseWeightOnly } from './advice'
import { adviseBlocks } from './blocks/advice'
import { Int4Options } from './blocks/options'
import { applyBlocks, planBlocks } from './blocks/plan'
import { editableCopy } from './copy'
import { nodeLabel, nodesNamed } from './names'
import { prepared } from './prepare'
import { axisOf } from './qdq'
import { opsetObstacles, raiseOpset } from './upgrade'
import { allFinite, channelAxis, floatValues, quantizeWeight, weightScales } from './weights'

/** Options of blocks, which mean here what they mean for 4 bits. */
const BLOCK = Int4Options.shape
const OPSET_PER_TENSOR = 10
const OPSET_PER_CHANNEL = 13

export const WeightOptions = z.object({
  form: z.enum(['channel', 'nbits', 'dequantize']).default('channel').meta({
    title: 'Form',
    description:
      "channel: every weight, with a scale per channel, dequantized where it is read. nbits: dense layers in blocks, as ONNX Runtime's MatMulNBits, which computes on the codes. dequantize: dense layers in blocks of the standard's DequantizeLinear (opset 21).",
  }),
  perChannel: z.boolean().default(true).meta({
    title: 'Scale per channel',
    description:
      'One scale for every output channel of a weight instead of one for the whole weight: more exact. For the form channel.',
  }),
  group: BLOCK.group.default(128),
  symmetric: BLOCK.symmetric,
  arithmetic: BLOCK.arithmetic,
  embeddings: BLOCK.embeddings.default(true),
  smallest: z.number().int().min(1).max(1_000_000_000).default(1024).meta({
    title: 'Smallest weight',
    description: 'Weights with fewer values than this stay in float32.',
  }),
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float',
    description: 'Names of nodes (or of values they make) whose weights are not quantized.',
  }),
})
export type WeightOptions = z.output<typeof WeightOptions>

export const WeightDecisions = z.object({
  /** Operator set of the result. */
  opset: z.number().int(),
  weights: z.array(
    z.object({
      name: z.string(),
      axis: z.number().int().nullable(),
      scales: z.array(z.number().positive()),
      zeroPoint: z.number().int(),
    }),
  ),
})
export type WeightDecisions = z.infer<typeof WeightDecisions>

export const weightInt8: Technique<typeof WeightOptions> = {
  id: 'quantize.weight-int8',
  title: 'Weight-only int8',
  summary:
    'Weights are stored as 8-bit integers and turned back into float when the model runs: a quarter of the size, hardly any change in the answers, no gain in speed.',
  reference: 'ONNX specification, DequantizeLinear (onnx.ai/onnx/operators)',
  needs: 'nothing',
  options: WeightOptions,
  advise: (about, options) =>
    options.form === 'channel' ? adviseWeightOnly(about) : adviseBlocks(about, blockOptions(options), 8),
  plan: (input, options, context) =>
    options.form === 'channel' ? planWeights(input, options, context) : planInBlocks(input, options, context),
  async apply(model, plan, run): Promise<Model> {
    if ('layers' in plan.decisions) return applyBlocks(model, plan, run)
    const copy = editableCopy((await prepared(model)).model)
    storeWeights(copy, WeightDecisions.parse(plan.decisions))
    return copy
  },
}

/** To nearest: at 8 bits what is lost by rounding hardly shows, and no method that looks at samples gains anything. */
function blockOptions({ form, smallest, ...options }: WeightOptions): Int4Options {
  return Int4Options.parse({ ...options, least: smallest, form: form === 'channel' ? 'nbits' : form })
}

async function planInBlocks(input: PlanInput, options: WeightOptions, context: TaskContext): Promise<Plan> {
  const { decisions, notes } = await planBlocks(8, input, blockOptions(options), context)
  return { technique: weightInt8.id, version: 1, seed: input.seed, options: { ...options }, decisions, notes }
}

async function planWeights(input: PlanInput, options: WeightOptions, context: TaskContext): Promise<Plan> {
  const { model, notes } = await prepared(input.model)
  const exclude = nodesNamed(model.graph, options.exclude)
  const { opset, perChannel } = chooseOpset(model, options.perChannel, notes)
  const candidates = [...model.graph.initializers()].filter(
    t => dataTypeName(t.dataType) === 'float32' && t.dims.length >= 2 && tensorCount(t) >= options.smallest,
  )
  const weights: WeightDecisions['weights'] = []
  for (const [i, tensor] of candidates.entries()) {
    const readers = model.graph.uses(tensor.name).map(use => use.node)
    const reason = refusal(model, tensor.name, readers, exclude)
    if (reason) notes.push(left(tensor.name, reason))
    else {
      const values = floatValues(tensor, model.directory)
      if (!allFinite(values)) notes.push(left(tensor.name, 'its values are not all finite'))
      else {
        const axis = perChannel ? weightAxis(readers, tensor.dims.length) : null
        weights.push({
          name: tensor.name,
          ...weightScales(values, tensorDims(tensor), axis, { type: 'int8', reduced: false }),
        })
      }
    }
    context.progress((i + 1) / candidates.length, 'Measuring weights')
    await breathe(context)
  }
  if (weights.length === 0) {
    throw new BantamError('unsupported', 'No weight of this model can be stored in int8.', {
      action:
        notes.find(n => n.code === 'left-in-float')?.message ??
        `It has no float32 constant of ${options.smallest} values or more.`,
    })
  }
  notes.push({
    code: 'quantized',
    severity: 'info',
    message: `${weights.length} weights are stored in 8 bits.`,
  })
  const decisions: WeightDecisions = { opset, weights }
  return { technique: weightInt8.id, version: 1, seed: input.seed, options: { ...options }, decisions, notes }
}

function left(name: string, reason: string): Note {
  return {
    code: 'left-in-float',
    severity: 'info',
    node: name,
    message: `The weight ${name} stays in float: ${reason}.`,
  }
}

function chooseOpset(model: Model, wanted: boolean, notes: Note[]): { opset: number; perChannel: boolean } {
  const opset = model.opset()
  const target = wanted ? OPSET_PER_CHANNEL : OPSET_PER_TENSOR
  if (opset >= target) return { opset, perChannel: wanted }
  const [obstacle] = opsetObstacles(model, target)
  if (!obstacle) {
    notes.push({
      code: 'opset-raised',
      severity: 'info',
      message: `The operator set is raised from ${opset} to ${target}, which ${wanted ? 'scales per channel need' : 'DequantizeLinear needs'}.`,
    })
    return { opset: target, perChannel: wanted }
  }
  if (wanted) {
    notes.push({
      code: 'per-channel-declined',
      severity: 'warning',
      message: `Scales per channel need opset 13; this model has ${opset} and cannot be raised: ${obstacle}. One scale per weight is used.`,
    })
    return chooseOpset(model, false, notes)
  }
  throw new BantamError('unsupported', `DequantizeLinear needs opset 10; this model has ${opset}.`, {
    action: `It cannot be raised: ${obstacle}. Export the model again with a newer opset.`,
  })
}

function refusal(
  model: Model,
  name: string,
  readers: readonly NodeProto[],
  exclude: ReadonlySet<NodeProto>,
): string | null {
  if (readers.length === 0) return 'no node of the main graph reads it'
  if (model.graph.isOutput(name)) return 'it is an output of the model'
  if (model.graph.isInput(name)) return 'the model lets its callers replace it'
  const excluded = readers.find(node => exclude.has(node))
  if (excluded) return `${nodeLabel(excluded)} is excluded`
  const inner = readers.find(node => node.attribute.some(a => a.g !== undefined || a.graphs.length > 0))
  if (inner) return `a subgraph of ${describeNode(inner)} reads it`
  const other = readers.find(node => normalDomain(node.domain) !== '')
  return other ? `${describeNode(other)} needs it constant` : null
}

/** The axis that the first reader treats as output channels; the last where that is not known. */
function weightAxis(readers: readonly NodeProto[], rank: number): number {
  const [reader] = readers
  if (reader?.opType === 'ConvTranspose') return 1
  if (reader?.opType === 'Gather') return 0
  return (reader && channelAxis(reader, rank)) ?? rank - 1
}

/** Replaces every weight by its codes and a DequantizeLinear that makes it again under its name. */
function storeWeights(model: Model, decisions: WeightDecisions): void {
  const { graph } = model
  if (model.opset() < decisions.opset) raiseOpset(model, decisions.opset)
  const gone = new Set<string>()
  for (const { name, axis, scales, zeroPoint } of decisions.weights) {
    const tensor = graph.initializer(name)
    if (!tensor)
      throw new BantamError('internal', 'The plan names a constant that the model does not have.', {
        where: name,
      })
    const dims = tensorDims(tensor)
    const weight = { axis, scales, zeroPoint }
    const codes = quantizeWeight(floatValues(tensor, model.directory), dims, weight, {
      type: 'int8',
      reduced: false,
    })
    const [coded, scale, output] = ['q', 's', 'dq'].map(part => graph.freshName(`${name}_${part}`)) as [
      string,
      string,
      string,
    ]
    graph.setInitializer(makeTensor(coded, 'int8', dims, codes))
    graph.setInitializer(
      makeTensor(scale, 'float32', axis === null ? [] : [scales.length], Float32Array.from(scales)),
    )
    graph.replaceUses(name, output)
    graph.add(makeNode('DequantizeLinear', [coded, scale], [output], axisOf(axis)))
    gone.add(name)
  }
  graph.removeUnusedInitializers()
  graph.sort()
  graph.proto.valueInfo = graph.proto.valueInfo.filter(v => !gone.has(v.name))
  const ir = BigInt(Math.max(4, irVersionFor(model.opset())))
  if (model.proto.irVersion < ir) model.proto.irVersion = ir
}
