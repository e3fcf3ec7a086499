/** Making nodes, values and small models, and reading attributes. */
import { create } from '@bufbuild/protobuf'
import type { AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import { Model } from './model'
import { dataTypeOf } from './tensor'

/** `number` makes a FLOAT and `bigint` an INT attribute, lists likewise; the type is never guessed from the value. */
export type AttributeValue =
  | number
  | bigint
  | string
  | readonly number[]
  | readonly bigint[]
  | readonly string[]
  | TensorProto
  | GraphProto

/** Makes a node. `domain` '' is ai.onnx; an empty name in `inputs` is an absent optional input. */
export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Record<string, AttributeValue> = {},
  { name = '', domain = '' }: { name?: string; domain?: string } = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    domain,
    name,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([key, value]) => makeAttribute(key, value)),
  })
}

/** Makes an attribute. An empty list becomes INTS. */
export function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const Type = AttributeProto_AttributeType
  const make = (fields: Parameters<typeof create<typeof AttributeProtoSchema>>[1]) =>
    create(AttributeProtoSchema, { name, ...fields } as Parameters<
      typeof create<typeof AttributeProtoSchema>
    >[1])
  if (typeof value === 'number') return make({ type: Type.FLOAT, f: value })
  if (typeof value === 'bigint') return make({ type: Type.INT, i: value })
  if (typeof value === 'string') return make({ type: Type.STRING, s: encode(value) })
  if (Array.isArray(value)) return make(listFields(value))
  if ((value as GraphProto | TensorProto).$typeName === 'onnx.GraphProto') {
    return make({ type: Type.GRAPH, g: value as GraphProto })
  }
  return make({ type: Type.TENSOR, t: value as TensorProto })
}

function listFields(list: readonly (number | bigint | string)[]) {
  const Type = AttributeProto_AttributeType
  if (typeof list[0] === 'number') return { type: Type.FLOATS, floats: list as number[] }
  if (typeof list[0] === 'string') return { type: Type.STRINGS, strings: (list as string[]).map(encode) }
  return { type: Type.INTS, ints: list as bigint[] }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text))
}

/** The attribute of that name, if the node has it. */
export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find(a => a.name === name)
}

/** An INT attribute as a number, or `fallback` (give the operator's own default). */
export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  const found = attribute(node, name)
  return found ? Number(found.i) : fallback
}

/** An INTS attribute as numbers; undefined when absent. */
export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return attribute(node, name)?.ints.map(Number)
}

/** A FLOAT attribute, or `fallback`. */
export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return attribute(node, name)?.f ?? fallback
}

/** A STRING attribute, or `fallback`. */
export function stringAttribute(node: NodeProto, name: string, fallback: string): string {
  const found = attribute(node, name)
  return found ? new TextDecoder().decode(found.s) : fallback
}

/** A tensor value's declaration. A string is a symbolic dimension ('' unknown); `shape` null leaves the rank open. */
export function makeValue(
  name: string,
  type: string,
  shape: readonly (number | string)[] | null,
): ValueInfoProto {
  const dim = (d: number | string) => {
    if (typeof d === 'number') return { value: { case: 'dimValue' as const, value: BigInt(d) } }
    return d === '' ? {} : { value: { case: 'dimParam' as const, value: d } }
  }
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: dataTypeOf(type), ...(shape ? { shape: { dim: shape.map(dim) } } : {}) },
      },
    },
  })
}

/** Lowest IR version that may carry the operator set, as `onnx.helper.OP_SET_ID_VERSION_MAP` has it. */
export function irVersionFor(opset: number): number {
  const steps: [number, number][] = [
    [24, 11],
    [23, 11],
    [21, 10],
    [19, 9],
    [15, 8],
    [12, 7],
    [11, 6],
    [10, 5],
    [9, 4],
  ]
  return steps.find(([from]) => opset >= from)?.[1] ?? 3
}

export interface ModelParts {
  nodes: NodeProto[]
  inputs: ValueInfoProto[]
  outputs: ValueInfoProto[]
  initializers?: TensorProto[]
  /** Version of ai.onnx; 17 when absent. */
  opset?: number
  /** Versions of further operator sets. */
  domains?: Record<string, number>
  name?: string
}

/** A model of one graph. Nodes must be in topological order. Throws `bad-model` when two nodes produce one value. */
export function makeModel(parts: ModelParts): Model {
  const { nodes, inputs, outputs, initializers = [], opset = 17, domains = {}, name = 'graph' } = parts
  const proto = create(ModelProtoSchema, {
    irVersion: BigInt(irVersionFor(opset)),
    producerName: 'bantam',
    opsetImport: Object.entries({ '': opset, ...domains }).map(([domain, version]) => ({
      domain,
      version: BigInt(version),
    })),
  })
  proto.graph = makeGraph({ nodes, inputs, outputs, initializers, name })
  return new Model(proto, null)
}

/** A graph, as a model's or as a subgraph attribute. */
export function makeGraph(parts: Omit<ModelParts, 'opset' | 'domains'>): GraphProto {
  const graph = create(GraphProtoSchema, { name: parts.name ?? 'graph' })
  graph.node = parts.nodes
  graph.input = parts.inputs
  graph.output = parts.outputs
  graph.initializer = parts.initializers ?? []
  return graph
}
