/** Edits of nodes that hold sizes: in attributes, or in integer inputs that are constants or computed. */
import type { NodeProto } from 'onnx-buf'
import { type AttributeValue, attribute, makeAttribute, makeNode } from '../onnx/build'
import { dataTypeName, makeTensor, tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'
import type { Slicing } from './flow'

/** Puts an attribute in the place of the one of that name, which may be shared with other models. */
export function setAttribute(node: NodeProto, name: string, value: AttributeValue | undefined): void {
  node.attribute = node.attribute.filter(a => a.name !== name)
  if (value !== undefined) node.attribute.push(makeAttribute(name, value))
}

export function hasAttribute(node: NodeProto, name: string): boolean {
  return attribute(node, name) !== undefined
}

/**
 * Gives elements of an integer input new values; null keeps what is there, constant or computed. A constant is not
 * changed for others that read it: the node gets its own.
 */
export function setInts(
  node: NodeProto,
  index: number,
  values: readonly (number | null)[],
  { graph }: Slicing,
): void {
  const old = node.input[index] ?? ''
  const tensor = graph.initializer(old)
  const type = tensor && dataTypeName(tensor.dataType) === 'int32' ? 'int32' : 'int64'
  const base = `${node.name || node.output[0]}/sizes`
  const constant = (numbers: readonly number[]) => {
    const name = graph.freshName(base)
    graph.setInitializer(makeTensor(name, type, [numbers.length], numbers.map(BigInt).map(Number)))
    return name
  }
  if (tensor || values.every(value => value !== null)) {
    const before = tensor ? toNumbers(tensorValues(tensor, null)) : []
    graph.setInput(node, index, constant(values.map((value, i) => value ?? Number(before[i] ?? 0))))
    return
  }
  const parts = runs(values).map(([start, end]) => {
    const numbers = values.slice(start, end)
    if (numbers[0] !== null) return constant(numbers.map(Number))
    const part = graph.freshName(`${base}/kept`)
    graph.add(makeNode('Slice', [old, constant([start]), constant([end])], [part]), node)
    return part
  })
  const joined = graph.freshName(base)
  graph.add(makeNode('Concat', parts, [joined], { axis: 0n }), node)
  graph.setInput(node, index, joined)
}

/** Bounds of stretches that are all null or all numbers. */
function runs(values: readonly (number | null)[]): [number, number][] {
  const found: [number, number][] = []
  values.forEach((value, i) => {
    const last = found.at(-1)
    if (last && (values[i - 1] === null) === (value === null)) last[1] = i + 1
    else found.push([i, i + 1])
  })
  return found
}
