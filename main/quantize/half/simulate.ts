/**
 * A float32 model in which groups of nodes can be switched to half precision from run to run: what they read and make
 * is rounded to float16 (or their weights to bfloat16) where the switch of their group is on. So one session tells what
 * every group costs, as a device that really computes in half precision would have it, which ONNX Runtime on CPU does
 * not: it computes neighbours in float32 without rounding between them.
 */
import { makeNode, makeValue } from '../../onnx/build'
import type { Graph } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { dataTypeOf, makeTensor } from '../../onnx/tensor'
import { editableCopy } from '../copy'
import { nodeId } from '../names'
import { storedInputs } from './candidates'
import type { HalfType } from './options'

/** The switches: one bool per group. */
export const SWITCHES = 'bantam/half/on'
const FLOAT = BigInt(dataTypeOf('float32'))

/** `groups`: first outputs of nodes; `isFloat`: whether a value is float32. */
export function switchable(
  source: Model,
  groups: readonly (readonly string[])[],
  type: HalfType,
  isFloat: (name: string) => boolean,
): Model {
  const model = editableCopy(source)
  const { graph } = model
  const byId = new Map(graph.nodes.map(node => [nodeId(node), node]))
  const of = new Map<string, number>()
  for (const [g, ids] of groups.entries()) {
    for (const id of ids) for (const name of byId.get(id)?.output ?? []) of.set(name, g)
  }
  const rounding = new Rounding(graph, type)
  for (const [g, ids] of groups.entries()) {
    const read = new Map<string, string>()
    for (const id of ids) {
      const node = byId.get(id)
      if (!node) continue
      const constants = type === 'bfloat16' ? storedInputs(model, node) : null
      for (const [i, name] of [...node.input].entries()) {
        if (name === '' || (constants ? !constants.includes(i) : !isFloat(name) || of.get(name) === g))
          continue
        const rounded = read.get(name) ?? rounding.of(name, g)
        read.set(name, rounded)
        graph.setInput(node, i, rounded)
      }
      if (constants) continue
      for (const [i, name] of [...node.output].entries()) {
        if (name === '' || !isFloat(name)) continue
        const exact = graph.freshName(`${name}_exact`)
        graph.setOutput(node, i, exact)
        rounding.of(exact, g, name)
      }
    }
  }
  rounding.declare(groups.length)
  graph.sort()
  return model
}

class Rounding {
  private readonly switches = new Map<number, string>()

  constructor(
    private readonly graph: Graph,
    private readonly type: HalfType,
  ) {}

  /** A value rounded where the switch of the group is on; answers its name. */
  of(name: string, group: number, result = this.graph.freshName(`${name}_rounded`)): string {
    const { graph } = this
    const [half, back] = [graph.freshName(`${name}_half`), graph.freshName(`${name}_back`)]
    graph.add(makeNode('Cast', [name], [half], { to: BigInt(dataTypeOf(this.type)) }))
    graph.add(makeNode('Cast', [half], [back], { to: FLOAT }))
    graph.add(makeNode('Where', [this.switchOf(group), back, name], [result]))
    return result
  }

  /** Declares the input. */
  declare(groups: number): void {
    this.graph.proto.input.push(makeValue(SWITCHES, 'bool', [groups]))
  }

  private switchOf(group: number): string {
    let name = this.switches.get(group)
    if (name) return name
    name = `bantam/half/on/${group}`
    const index = `bantam/half/group/${group}`
    this.graph.setInitializer(makeTensor(index, 'int64', [], [BigInt(group)]))
    this.graph.add(makeNode('Gather', [SWITCHES, index], [name], { axis: 0n }))
    this.switches.set(group, name)
    return name
  }
}
