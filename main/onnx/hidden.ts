/**
 * Values of types ONNX Runtime computes with but its Node binding cannot show (bfloat16, float8, …). They are found by
 * following types forward from where they are written down, and made visible for inference by a Cast to float32.
 */
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from 'onnx-buf'
import { intAttribute, makeNode, makeValue } from './build'
import { normalDomain } from './model'
import { shallow } from './shallow'
import { dataTypeName } from './tensor'

/** Ends the name of the float32 form of a hidden value. */
const VISIBLE = '/bantam.float32'

/** Types that cannot be a session's input or output in Node. */
export function isHiddenType(type: string): boolean {
  return /^(bfloat16|float8|float4|u?int2$|complex)/.test(type)
}

/** Operators whose results do not have the type of their inputs. */
const OTHER_RESULT =
  /^(Shape|Size|Equal|Less|LessOrEqual|Greater|GreaterOrEqual|IsNaN|IsInf|ArgMax|ArgMin|NonZero|Not|And|Or|Xor|SequenceLength)$/

/** Hidden values of the main graph with their types, in the order they are made. */
export function hiddenValues(proto: ModelProto): Map<string, string> {
  const graph = proto.graph as GraphProto
  const hidden = new Map<string, string>()
  const see = (name: string, code: number) => {
    const type = dataTypeName(code)
    if (isHiddenType(type)) hidden.set(name, type)
  }
  for (const tensor of graph.initializer) see(tensor.name, tensor.dataType)
  const declared = new Map(
    [...graph.input, ...graph.valueInfo, ...graph.output].map(v => [v.name, elementType(v)]),
  )
  for (const value of graph.input) see(value.name, elementType(value))
  for (const node of graph.node) {
    const type = resultType(node, hidden)
    for (const [i, name] of node.output.entries()) {
      const said = declared.get(name)
      if (said) see(name, said)
      // The second result of TopK and MaxPool holds indices, of Dropout a mask.
      else if (type && (i === 0 || !/^(TopK|MaxPool|Dropout)$/.test(node.opType))) hidden.set(name, type)
    }
  }
  return hidden
}

function elementType(value: ValueInfoProto): number {
  return value.type?.value.case === 'tensorType' ? value.type.value.value.elemType : 0
}

function resultType(node: NodeProto, hidden: ReadonlyMap<string, string>): string | undefined {
  if (normalDomain(node.domain) === '' && OTHER_RESULT.test(node.opType)) return undefined
  const of = (index: number) => hidden.get(node.input[index] ?? '')
  const written = (attribute: string) => {
    const type = dataTypeName(intAttribute(node, attribute, 0))
    return isHiddenType(type) ? type : undefined
  }
  switch (node.opType) {
    case 'Cast':
      return written('to')
    case 'QuantizeLinear':
      return of(2) ?? written('output_dtype')
    case 'DequantizeLinear':
      return written('output_dtype') ?? of(1)
    case 'CastLike':
      return of(1)
    default:
      return node.input.map(name => hidden.get(name)).find(type => type !== undefined)
  }
}

/** The model with every hidden value also as a float32 one, and no input or output of a hidden type. */
export function revealed(proto: ModelProto, hidden: ReadonlyMap<string, string>): ModelProto {
  const copy = shallow(proto)
  const graph = shallow(proto.graph as GraphProto)
  const casts: NodeProto[] = []
  graph.input = graph.input.map(value => {
    const type = value.type?.value
    if (!hidden.has(value.name) || type?.case !== 'tensorType') return value
    const dims = type.value.shape?.dim.map(d =>
      d.value.case === 'dimValue' ? Number(d.value.value) : (d.value.value ?? ''),
    )
    const name = `${value.name}/fed`
    casts.push(makeNode('Cast', [name], [value.name], { to: BigInt(type.value.elemType) }))
    return makeValue(name, 'float32', dims ?? null)
  })
  const made = new Set(graph.node.flatMap(node => node.output))
  const shown = [...hidden.keys()]
    .filter(name => made.has(name))
    .map(name => makeNode('Cast', [name], [name + VISIBLE], { to: 1n }))
  graph.node = [...casts, ...graph.node, ...shown]
  graph.output = graph.output.filter(value => !hidden.has(value.name))
  copy.graph = graph
  return copy
}

/** The hidden value whose float32 form has this name. */
export function hiddenBehind(name: string): string | undefined {
  return name.endsWith(VISIBLE) ? name.slice(0, -VISIBLE.length) : undefined
}
