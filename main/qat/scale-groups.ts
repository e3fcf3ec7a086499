/** Which quantized values of a plan share one scale, so that learning moves it for all of them. */
import type { Model } from '../onnx/model'
import { quantizeRole } from '../operators/quantize'
import type { StaticDecisions } from '../quantize/static/options'
import { clipBounds } from '../quantize/static/select'

export interface ScaleGroups {
  /** The group of a value, named by one of its members. */
  group(value: string): string
  /** Members of each group, in the order of the plan. */
  members: ReadonlyMap<string, readonly string[]>
  /** Values an operator made by moving the codes of its input: already rounded when they are made. */
  moved: ReadonlySet<string>
  /**
   * Groups whose scale must stay: the upper bound of a Clip was left to saturation at the largest code, and a larger
   * scale would lift it.
   */
  bound: ReadonlySet<string>
}

/** Follows the plan's nodes through `model`, the prepared model it is about. */
export function scaleGroups(model: Model, decisions: StaticDecisions): ScaleGroups {
  const parents = new Map(decisions.values.map(v => [v.name, v.name]))
  const root = (name: string): string => {
    const parent = parents.get(name) ?? name
    return parent === name ? name : root(parent)
  }
  const join = (a: string, b: string) => {
    if (parents.has(a) && parents.has(b)) parents.set(root(b), root(a))
  }
  const scales = new Map(decisions.values.map(v => [v.name, v.scale]))
  const moved = new Set<string>()
  for (const { id, op, activations } of decisions.nodes) {
    const node = model.graph.producer(id)
    const role = quantizeRole(op, '')?.kind
    if (!node) continue
    const outputs = node.output.filter(name => parents.has(name))
    if (role === 'pass') {
      for (const output of outputs) {
        join(node.input[0] ?? '', output)
        // Interpolation makes numbers that are no codes.
        if (op !== 'Resize') moved.add(output)
      }
    }
    if (role === 'concat') {
      const inputs = activations.map(i => node.input[i] ?? '')
      for (const output of outputs)
        for (const input of inputs) if (scales.get(input) === scales.get(output)) join(output, input)
    }
  }
  const members = new Map<string, string[]>()
  for (const { name } of decisions.values) {
    const group = root(name)
    members.set(group, [...(members.get(group) ?? []), name])
  }
  const bound = new Set<string>()
  for (const { id } of decisions.absorbed) {
    const node = model.graph.producer(id)
    if (node && Number.isFinite(clipBounds(model, node)?.max ?? Number.POSITIVE_INFINITY)) bound.add(root(id))
  }
  return { group: root, members, moved, bound }
}
