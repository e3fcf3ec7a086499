/**
 * float16: weights and arithmetic in half precision, inputs and outputs of the model as they were.
 *
 * Every float32 value may exist twice, as float32 under its own name and as float16 under another; a Cast makes one
 * from the other where a reader of the other kind needs it. Nodes that must or should stay in float32 (operators
 * without a float16 form, subgraphs, constants beyond float16's range, nodes a person excluded) keep the float32
 * names, so subgraphs that take values from outside go on working untouched.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { z } from 'zod'
import type { Plan, TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { makeNode } from '../onnx/build'
import { describeNode } from '../onnx/graph'
import { type Model, normalDomain } from '../onnx/model'
import { dataTypeName, dataTypeOf, makeTensor, tensorDims } from '../onnx/tensor'
import { floatToHalf } from '../runtime/tensor'
import type { PlanInput, Technique } from '../technique'
import { adviseHalf } from './advice'
import { calibrate } from './calibrate'
import { editableCopy } from './copy'
import { nodeId, nodeLabel, nodesNamed } from './names'
import { prepared } from './prepare'
import { elementTypes } from './types'
import { floatValues } from './weights'

/** Samples on which ranges are measured, at most. */
const SAMPLES = 200
/** Largest finite float16. */
const LARGEST = 65504
const FLOAT = BigInt(dataTypeOf('float32'))
const HALF = BigInt(dataTypeOf('float16'))

export const HalfOptions = z.object({
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float32',
    description: 'Names of nodes (or of values they make) that stay in float32.',
  }),
  operators: z.array(z.string().min(1)).default([]).meta({
    title: 'Operators left in float32',
    description: 'Operator types that stay in float32 wherever they occur, for example Softmax.',
  }),
})
export type HalfOptions = z.output<typeof HalfOptions>

export const HalfDecisions = z.object({
  /** First outputs of the nodes that compute in float16. */
  nodes: z.array(z.string()),
  /** Samples on which ranges were measured; null without data. */
  samples: z.number().int().nullable(),
})
export type HalfDecisions = z.infer<typeof HalfDecisions>

/** Operators of ai.onnx whose float inputs and outputs may all be float16. Everything else stays in float32. */
const HALF_OPERATORS: ReadonlySet<string> = new Set(
  `Abs Add ArgMax ArgMin AveragePool Clip Concat Conv ConvTranspose CumSum DepthToSpace Div Einsum Elu Erf Exp Expand
   Flatten Floor Ceil Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish
   InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Min Mul Neg Pad PRelu Pow
   Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Selu Sigmoid Sign Slice Softmax Softplus
   SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze Where Gelu Mish Equal Greater Less
   GreaterOrEqual LessOrEqual Identity Shape Size`
    .split(/\s+/)
    .filter(op => op !== ''),
)

export const float16: Technique<typeof HalfOptions> = {
  id: 'quantize.float16',
  title: 'float16',
  summary:
    'Weights and arithmetic in half precision: half the size and practically the same answers. Fast on GPUs, not on CPUs.',
  reference: 'Micikevicius et al., Mixed Precision Training, ICLR 2018 (arXiv:1710.03740)',
  needs: 'nothing',
  options: HalfOptions,
  advise: about => adviseHalf(about),
  plan: planHalf,
  async apply(model, plan): Promise<Model> {
    const simplified = (await prepared(model)).model
    const copy = editableCopy(simplified)
    const { nodes } = HalfDecisions.parse(plan.decisions)
    new HalfWriter(copy, await elementTypes(simplified), new Set(nodes)).write()
    return copy
  },
}

async function planHalf(input: PlanInput, options: HalfOptions, context: TaskContext): Promise<Plan> {
  const { model, notes } = await prepared(input.model)
  const exclude = nodesNamed(model.graph, options.exclude)
  const types = await elementTypes(model)
  const operators = new Set(options.operators)
  const candidates: NodeProto[] = []
  const leave = (node: NodeProto, reason: string) =>
    notes.push({
      code: 'left-in-float',
      severity: 'info',
      node: nodeLabel(node),
      message: `${describeNode(node)} stays in float32: ${reason}.`,
    })
  for (const node of model.graph.nodes) {
    if (!touchesFloat(node, types)) continue
    const reason = refusal(model, node, exclude, operators, types)
    if (reason === null) candidates.push(node)
    else leave(node, reason)
    await breathe(context)
  }
  const measured = await largestValues(input, model, candidates, types, context)
  const nodes: string[] = []
  for (const node of candidates) {
    const large = [...node.input, ...node.output].find(name => (measured?.largest.get(name) ?? 0) > LARGEST)
    if (large === undefined) nodes.push(nodeId(node))
    else
      leave(
        node,
        `${large} reaches ${measured?.largest.get(large)?.toPrecision(3)}, beyond float16's ${LARGEST}`,
      )
  }
  if (!measured) {
    notes.push({
      code: 'ranges-unknown',
      severity: 'info',
      message: `Whether activations stay within float16's ${LARGEST} was not looked at, for there was no data. On CPU ONNX Runtime computes most of them in float32, so that an overflow shows only on other devices.`,
      action: 'Give data, and nodes whose values are too large stay in float32.',
    })
  }
  if (nodes.length === 0) {
    throw new BantamError('unsupported', 'No node of this model can compute in float16.', {
      action: notes.find(n => n.code === 'left-in-float')?.message ?? 'It has no float32 values.',
    })
  }
  notes.push({
    code: 'quantized',
    severity: 'info',
    message: `${nodes.length} of ${model.graph.nodes.length} nodes compute in float16.`,
  })
  const decisions: HalfDecisions = { nodes, samples: measured?.samples ?? null }
  return { technique: float16.id, version: 1, seed: input.seed, options: { ...options }, decisions, notes }
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

function touchesFloat(node: NodeProto, types: Map<string, TensorInfo>): boolean {
  const hasSubgraph = node.attribute.some(a => a.g !== undefined || a.graphs.length > 0)
  return hasSubgraph || [...node.input, ...node.output].some(name => types.get(name)?.type === 'float32')
}

function refusal(
  model: Model,
  node: NodeProto,
  exclude: ReadonlySet<NodeProto>,
  operators: ReadonlySet<string>,
  types: Map<string, TensorInfo>,
): string | null {
  if (exclude.has(node)) return 'excluded'
  if (operators.has(node.opType)) return `${node.opType} is chosen to stay`
  if (node.attribute.some(a => a.g !== undefined || a.graphs.length > 0)) {
    return 'it holds subgraphs, and nodes inside subgraphs are left alone'
  }
  if (normalDomain(node.domain) !== '') return `nothing is known of float16 in ${node.domain}`
  if (!HALF_OPERATORS.has(node.opType)) return `${node.opType} is not known to take float16`
  const unknown = [...node.input, ...node.output].find(name => name !== '' && !types.has(name))
  if (unknown) return `the type of ${unknown} cannot be told`
  for (const name of node.input) {
    const tensor = model.graph.initializer(name)
    if (!tensor || dataTypeName(tensor.dataType) !== 'float32') continue
    const values = floatValues(tensor, model.directory)
    for (let i = 0; i < values.length; i++) {
      // The comparison is false for NaN, which float16 has too.
      if (Math.abs(values[i] as number) > LARGEST)
        return `its constant ${name} holds ${values[i]}, beyond float16's ${LARGEST}`
    }
  }
  return null
}

class HalfWriter {
  /** Value → its float16 form. */
  private readonly half = new Map<string, string>()
  /** Values that exist in float16 only until someone needs the float32 form. */
  private readonly madeHalf = new Set<string>()

  constructor(
    private readonly model: Model,
    private readonly types: Map<string, TensorInfo>,
    private readonly chosen: ReadonlySet<string>,
  ) {}

  write(): void {
    const { graph } = this.model
    const halfNodes = graph.nodes.filter(node => this.chosen.has(nodeId(node)))
    for (const node of halfNodes) this.outputs(node)
    for (const node of halfNodes) this.inputs(node)
    // What float32 readers, subgraphs and the caller still see under the old names.
    for (const name of this.madeHalf) {
      if (graph.uses(name).length === 0 && !graph.isOutput(name)) continue
      this.cast(this.half.get(name) as string, name, FLOAT)
    }
    graph.removeUnusedInitializers()
    graph.sort()
    const made = new Set(graph.nodes.flatMap(node => node.output))
    graph.proto.valueInfo = graph.proto.valueInfo.filter(v => made.has(v.name))
  }

  private isFloat(name: string): boolean {
    return this.types.get(name)?.type === 'float32'
  }

  private outputs(node: NodeProto): void {
    const { graph } = this.model
    for (const [i, name] of node.output.entries()) {
      if (name === '' || !this.isFloat(name)) continue
      const half = graph.freshName(`${name}_f16`)
      graph.setOutput(node, i, half)
      this.half.set(name, half)
      this.madeHalf.add(name)
    }
  }

  private inputs(node: NodeProto): void {
    for (const [i, name] of node.input.entries()) {
      if (name !== '' && this.isFloat(name)) this.model.graph.setInput(node, i, this.halfOf(name))
    }
  }

  private halfOf(name: string): string {
    const known = this.half.get(name)
    if (known) return known
    const { graph } = this.model
    const half = graph.freshName(`${name}_f16`)
    this.half.set(name, half)
    const tensor = graph.initializer(name)
    if (tensor && !graph.isInput(name)) graph.setInitializer(this.halfTensor(tensor, half))
    else this.cast(name, half, HALF)
    return half
  }

  private halfTensor(tensor: TensorProto, name: string): TensorProto {
    const values = floatValues(tensor, this.model.directory)
    const bits = new Uint16Array(values.length)
    for (let i = 0; i < values.length; i++) bits[i] = floatToHalf(values[i] as number)
    return makeTensor(name, 'float16', tensorDims(tensor), bits)
  }

  private cast(from: string, to: string, type: bigint): void {
    const { graph } = this.model
    graph.add(makeNode('Cast', [from], [to], { to: type }, { name: graph.freshName(`${to}_cast`) }))
  }
}
