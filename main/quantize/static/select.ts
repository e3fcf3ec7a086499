/**
 * Which nodes run on 8-bit codes, and which values are quantized between them.
 *
 * Anchors are the nodes with constant weights. A value is *wanted* in 8 bits when an anchor reads it, directly or
 * through operators that have integer kernels. A value is *carried* in 8 bits when the node that makes it is chosen.
 * Other operators join where they lie between: they read a carried value, and either all they read is carried or
 * what they make is wanted. So no QuantizeLinear stands where no integer kernel gains from it.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note, TensorInfo } from '../../../shared/domain'
import { attribute, intAttribute, stringAttribute } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { normalDomain } from '../../onnx/model'
import { tensorBytes } from '../../onnx/tensor'
import { type QuantizeRole, quantizeRole } from '../../operators/quantize'
import { elementCount } from '../../runtime/tensor'
import { nodeLabel } from '../names'
import { allFinite, floatValues } from '../weights'
import { denseGates, edgeLayers } from './placement'
import { mayBeWide, notWide } from './wide-nodes'

export interface SelectOptions {
  /** Operator types that may be quantized. */
  operators: ReadonlySet<string>
  exclude: ReadonlySet<NodeProto>
  /** Nodes left in float without a word, for they were put there to be in float. */
  float?: ReadonlySet<NodeProto>
  /** Nodes that have 16-bit activations, and so compute in float. */
  wide?: ReadonlySet<NodeProto>
  /** Whether the first and last layers with weights stay in float; they do not without. */
  edges?: 'int8' | 'int4' | 'float'
  /** Operator set that the result will have. */
  opset: number
}

/** How one chosen node takes part. */
export interface Chosen {
  node: NodeProto
  role: QuantizeRole
  /** Input positions that are activations. */
  activations: number[]
  /** Input positions that are constants quantized like activations (of Add, Mul, Concat). */
  constants: number[]
  /** Values it makes in 8 bits: its outputs, or what the absorbed Relu behind it makes. */
  carries: string[]
}

/** A Relu or Clip that the saturation of the QuantizeLinear behind it replaces. */
export interface Absorbed {
  node: NodeProto
  /** True when the node before it now makes its output; else its input is quantized again to make its output. */
  fused: boolean
}

export interface Selection {
  chosen: Chosen[]
  absorbed: Absorbed[]
  /** Values to quantize, in graph order: made by a chosen node (`carried`), or only read by one. */
  values: { name: string; carried: boolean }[]
  /** Nodes with 16-bit activations, in graph order; what they carry is in 16 bits. */
  wide: Chosen[]
  notes: Note[]
}

type Roles = Map<NodeProto, QuantizeRole>

/** Chooses. `types` are the model's inferred types. */
export function selectNodes(model: Model, types: Map<string, TensorInfo>, options: SelectOptions): Selection {
  const order = model.graph.topological()
  const notes: Note[] = []
  const roles: Roles = new Map()
  const wide: Chosen[] = []
  for (const node of order) {
    const answer = eligible(model, node, types, options)
    if (options.wide?.has(node)) {
      const chosen = answer.role && wideNode(model, node, answer.role)
      if (chosen && mayBeWide(chosen.role)) wide.push(chosen)
      else notes.push(notWide(node, answer.reason))
    } else if (answer.role) roles.set(node, answer.role)
    else if (answer.reason) notes.push(leftInFloat(node, answer.reason))
  }
  for (const node of denseGates(order, roles)) roles.delete(node)
  if (options.edges === 'float') {
    for (const node of edgeLayers(model, order, roles)) {
      roles.delete(node)
      notes.push(leftInFloat(node, 'it is a first or last layer, and these were chosen to stay'))
    }
  }
  const wanted = wantedValues(model, order, roles)
  return { ...choose(model, order, roles, wanted), wide, notes }
}

/** The same layers, their weights alone as codes: all values stay in float. */
export function weightsAlone({ chosen, wide, notes }: Selection): Selection {
  const layers = [...chosen, ...wide].filter(({ role }) => role.kind === 'weighted')
  const alone = layers.map(layer => ({ ...layer, activations: [], constants: [], carries: [] }))
  return { chosen: alone, absorbed: [], values: [], wide: [], notes }
}

/** Constants beside its activations stay in float: it computes in float. */
function wideNode(model: Model, node: NodeProto, role: QuantizeRole): Chosen {
  const activations = activationInputs(model, node, role)
  return { node, role, activations, constants: [], carries: outputs(node) }
}

function leftInFloat(node: NodeProto, reason: string): Note {
  return {
    code: 'left-in-float',
    severity: 'info',
    node: nodeLabel(node),
    message: `${describeNode(node)} stays in float: ${reason}.`,
  }
}

function eligible(
  model: Model,
  node: NodeProto,
  types: Map<string, TensorInfo>,
  options: SelectOptions,
): { role?: QuantizeRole; reason?: string } {
  const hasSubgraph = node.attribute.some(a => a.g !== undefined || a.graphs.length > 0)
  if (hasSubgraph) return { reason: 'it holds subgraphs, and nodes inside subgraphs are left alone' }
  const role = quantizeRole(node.opType, normalDomain(node.domain))
  if (!role) return {}
  if (role.kind === 'float') return heavy(node.opType) ? { reason: role.reason } : {}
  if (options.exclude.has(node)) return { reason: 'excluded' }
  if (options.float?.has(node)) return {}
  if (!options.operators.has(node.opType)) {
    return role.kind === 'weighted' ? { reason: `${node.opType} is not among the chosen operators` } : {}
  }
  const values = [...activationInputs(model, node, role).map(i => node.input[i] as string), ...outputs(node)]
  const other = values.map(name => types.get(name)?.type).find(type => type !== 'float32')
  if (values.some(name => types.get(name)?.type !== 'float32')) {
    if (role.kind !== 'weighted') return {}
    return {
      reason: other ? `its values are ${other}, not float32` : 'the type of its values cannot be told',
    }
  }
  const reason = refusal(model, node, role, types, options.opset)
  return reason ? (reason === 'quiet' ? {} : { reason }) : { role }
}

function heavy(opType: string): boolean {
  return ['ConvTranspose', 'LSTM', 'GRU', 'RNN'].includes(opType)
}

/** Why a node of an integer kernel's type still cannot use it; `quiet` when nobody would ask. */
function refusal(
  model: Model,
  node: NodeProto,
  role: QuantizeRole,
  types: Map<string, TensorInfo>,
  opset: number,
): string | null {
  const rank = (name: string | undefined) => types.get(name ?? '')?.shape.length
  switch (role.kind) {
    case 'weighted':
      return weightRefusal(model, node, role)
    case 'pass':
      if (opset < role.sinceOpset) return `opset ${opset} has no 8-bit ${node.opType}`
      if (node.opType === 'Resize') return resizeRefusal(node)
      return node.opType === 'MaxPool' && outputs(node).length > 1 ? 'it also returns indices' : null
    case 'absorbed':
      // Only a lower bound of zero is exactly what saturation at the zero point does.
      return clipBounds(model, node)?.min === 0 ? null : 'quiet'
    case 'unary':
      // QLinearAveragePool and QLinearGlobalAveragePool know two spatial axes best; others are not fused.
      return node.opType.endsWith('Pool') && rank(node.input[0]) !== 4
        ? 'only 2-D pooling has an int8 kernel'
        : null
    default:
      return null
  }
}

/** ONNX Runtime moves codes through a Resize that takes the nearest value; others it computes in float. */
function resizeRefusal(node: NodeProto): string | null {
  const mode = stringAttribute(node, 'mode', 'nearest')
  return mode === 'nearest' ? null : `only nearest has an 8-bit kernel, and it interpolates (${mode})`
}

function weightRefusal(
  model: Model,
  node: NodeProto,
  role: QuantizeRole & { kind: 'weighted' },
): string | null {
  const { graph } = model
  const weight = graph.initializer(node.input[role.weight] ?? '')
  if (graph.initializer(node.input[0] ?? '')) return 'its first input is constant'
  if (!weight) {
    // Products of two activations (attention) gain little from 8 bits and lose accuracy.
    return node.opType === 'MatMul' ? 'both of its inputs are computed' : 'its weights are not constant'
  }
  if (weight.dims.length < 2) return 'its weights are a vector'
  if (!finite(model, node.input[role.weight] ?? '')) return 'its weights are not all finite'
  const bias = role.bias === null ? '' : (node.input[role.bias] ?? '')
  if (bias !== '' && !graph.initializer(bias)) return 'its bias is not constant'
  if (bias !== '' && !finite(model, bias)) return 'its bias is not all finite'
  if (bias !== '' && node.opType === 'Gemm' && !biasPerColumn(model, node, bias)) {
    return 'its bias differs from row to row'
  }
  return null
}

/** True when a Gemm's C is one number, or one per column of the result. */
function biasPerColumn(model: Model, node: NodeProto, bias: string): boolean {
  const weight = model.graph.initializer(node.input[1] ?? '')
  const columns = Number(weight?.dims[intAttribute(node, 'transB', 0) ? 0 : 1] ?? 0n)
  const dims = model.graph.initializer(bias)?.dims.map(Number) ?? []
  const count = elementCount(dims)
  return count === 1 || (count === columns && dims.at(-1) === columns)
}

function finite(model: Model, name: string): boolean {
  const tensor = model.graph.initializer(name)
  return !tensor || allFinite(floatValues(tensor, model.directory))
}

/** Lower and upper bound of a Clip whose bounds are constant (attributes before opset 11); null when they are not. */
export function clipBounds(model: Model, node: NodeProto): { min: number; max: number } | null {
  if (node.opType === 'Relu') return { min: 0, max: Number.POSITIVE_INFINITY }
  const bound = (name: string, index: number, fallback: number): number | null => {
    const value = node.input[index]
    if (!value) return attribute(node, name)?.f ?? fallback
    const tensor = model.graph.initializer(value)
    if (!tensor) return null
    const bytes = tensorBytes(tensor, model.directory).slice(0, 4)
    return bytes.byteLength < 4 ? null : new DataView(bytes.buffer).getFloat32(0, true)
  }
  const min = bound('min', 1, Number.NEGATIVE_INFINITY)
  const max = bound('max', 2, Number.POSITIVE_INFINITY)
  return min === null || max === null ? null : { min, max }
}

function outputs(node: NodeProto): string[] {
  return node.output.filter(name => name !== '')
}

/** Positions of inputs that hold activations (or constants used like them). */
function dataInputs(node: NodeProto, role: QuantizeRole): number[] {
  if (role.kind === 'binary') return [0, 1]
  return role.kind === 'concat' ? node.input.map((_, i) => i) : [0]
}

function activationInputs(model: Model, node: NodeProto, role: QuantizeRole): number[] {
  return dataInputs(node, role).filter(i => !model.graph.initializer(node.input[i] ?? ''))
}

function wantedValues(model: Model, order: readonly NodeProto[], roles: Roles): Set<string> {
  const wanted = new Set<string>()
  for (const node of [...order].reverse()) {
    const role = roles.get(node)
    if (!role) continue
    if (role.kind !== 'weighted' && !outputs(node).some(name => wanted.has(name))) continue
    const inputs = activationInputs(model, node, role)
    // A constant added behind a MatMul (its bias) is better added in float to the kernel's float output.
    if (role.kind === 'binary' && inputs.length < 2) continue
    for (const i of inputs) wanted.add(node.input[i] as string)
  }
  return wanted
}

function choose(
  model: Model,
  order: readonly NodeProto[],
  roles: Roles,
  wanted: Set<string>,
): Omit<Selection, 'notes' | 'wide'> {
  const { graph } = model
  const carried = new Set<string>()
  const chosen: Chosen[] = []
  const absorbed: Absorbed[] = []
  const gone = new Set<NodeProto>()
  for (const node of order) {
    const role = roles.get(node)
    if (!role || gone.has(node)) continue
    const activations = activationInputs(model, node, role)
    const inputs = activations.map(i => node.input[i] as string)
    const outWanted = outputs(node).some(name => wanted.has(name))
    if (!joins(role, inputs, carried, outWanted)) continue
    if (role.kind === 'absorbed') {
      absorbed.push({ node, fused: false })
      for (const name of outputs(node)) carried.add(name)
      continue
    }
    const follower = fusedFollower(model, node, role, roles)
    const made = outputs(follower ?? node)
    const carries = keepsFloat(role) && !made.some(name => wanted.has(name)) ? [] : made
    if (follower && carries.length > 0) {
      absorbed.push({ node: follower, fused: true })
      gone.add(follower)
    }
    const constants = dataInputs(node, role).filter(i => !activations.includes(i) && node.input[i] !== '')
    chosen.push({ node, role, activations, constants, carries })
    for (const name of carries) carried.add(name)
  }
  const read = new Set(chosen.flatMap(c => c.activations.map(i => c.node.input[i] as string)))
  const values = [...graph.inputNames, ...order.flatMap(outputs)]
    .filter(name => carried.has(name) || read.has(name))
    .map(name => ({ name, carried: carried.has(name) }))
  return { chosen, absorbed, values }
}

function keepsFloat(role: QuantizeRole): boolean {
  return role.kind === 'weighted' && role.floatOutput
}

function joins(role: QuantizeRole, inputs: string[], carried: Set<string>, outWanted: boolean): boolean {
  if (role.kind === 'weighted') return true
  const some = inputs.some(name => carried.has(name))
  const all = inputs.length > 1 && inputs.every(name => carried.has(name))
  switch (role.kind) {
    case 'binary':
    case 'concat':
      return some && (all || outWanted)
    case 'unary':
      return some && (outWanted || !role.lossy)
    case 'absorbed':
      return some && outWanted
    default:
      return some
  }
}

/** The Relu or Clip that alone reads a node's only output, when the node has an output scale of its own. */
function fusedFollower(model: Model, node: NodeProto, role: QuantizeRole, roles: Roles): NodeProto | null {
  if (role.kind === 'pass' || role.kind === 'concat') return null
  const [output, ...more] = outputs(node)
  if (output === undefined || more.length > 0 || model.graph.isOutput(output)) return null
  const uses = model.graph.uses(output)
  const only = uses.length === 1 ? uses[0] : undefined
  return only && only.index === 0 && roles.get(only.node)?.kind === 'absorbed' ? only.node : null
}
