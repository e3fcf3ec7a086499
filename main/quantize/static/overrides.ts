/** Choices for single nodes: activations in 16 bits, another calibration. */
import type { NodeProto } from 'onnx-buf'
import { type TaskContext, within } from '../../jobs/context'
import { type Model, normalDomain } from '../../onnx/model'
import { quantizeRole } from '../../operators/quantize'
import {
  type Calibration,
  type CalibrationMethod,
  type CalibrationRequest,
  calibrate,
} from '../calibrate/calibrate'
import { memoryStore } from '../calibrate/statistics'
import { nodesNamed } from '../names'
import type { StaticOptions } from './options'
import { mayBeWide } from './wide-nodes'

type CalibrationName = StaticOptions['calibration']

export interface Choices {
  /** Nodes with 16-bit activations. */
  wide: ReadonlySet<NodeProto>
  /** Calibration by value, where another than that of all was chosen. */
  calibrations: ReadonlyMap<string, CalibrationName>
}

/**
 * What overrides mean in a model; a later one goes before an earlier one. A value takes the calibration of the node that
 * makes it, else of the first in the order of the graph that reads it. Throws `bad-option` for a name that means no node.
 */
export function choicesOf(model: Model, overrides: StaticOptions['overrides']): Choices {
  const wide = new Set<NodeProto>()
  const byNode = new Map<NodeProto, CalibrationName>()
  for (const { node: name, activations, calibration } of overrides) {
    for (const node of nodesNamed(model.graph, [name], 'overrides')) {
      // A pattern means those it can be had of; a name is declined with the reason.
      if (activations === 'int16' && (!name.includes('*') || hasOwnValues(node))) wide.add(node)
      if (activations === 'int8') wide.delete(node)
      if (calibration) byNode.set(node, calibration)
    }
  }
  return { wide, calibrations: byValue(model, byNode) }
}

function hasOwnValues({ opType, domain }: NodeProto): boolean {
  const role = quantizeRole(opType, normalDomain(domain))
  return role !== null && mayBeWide(role)
}

function byValue(
  model: Model,
  byNode: ReadonlyMap<NodeProto, CalibrationName>,
): Map<string, CalibrationName> {
  const chosen = model.graph.topological().flatMap(node => {
    const calibration = byNode.get(node)
    return calibration ? [{ node, calibration }] : []
  })
  const values = new Map<string, CalibrationName>()
  for (const { node, calibration } of chosen) {
    // An activation behind it that saturation replaces makes the value in its stead.
    for (const name of node.output)
      for (const value of withFollower(model, name)) values.set(value, calibration)
  }
  for (const { node, calibration } of chosen) {
    for (const name of node.input) if (!values.has(name)) values.set(name, calibration)
  }
  return values
}

function withFollower({ graph }: Model, name: string): string[] {
  const uses = graph.uses(name)
  const only = uses.length === 1 ? uses[0]?.node : undefined
  return only && ['Relu', 'Clip'].includes(only.opType) ? [name, ...only.output] : [name]
}

/**
 * `calibrate`, with another calibration for some values: the model is run once for all of them. Throws as `calibrate`.
 */
export async function calibrateEach(
  request: Omit<CalibrationRequest, 'method'>,
  method: (calibration: CalibrationName | undefined) => CalibrationMethod,
  calibrations: Choices['calibrations'],
  context: TaskContext,
): Promise<Calibration> {
  if (request.values.length === 0) return { ranges: new Map(), samples: 0, notes: [] }
  const names = [...new Set(request.values.map(name => calibrations.get(name)))]
  if (names.length <= 1) return calibrate({ ...request, method: method(names[0]) }, context)
  const statistics = request.statistics ?? memoryStore()
  const ranges: Calibration['ranges'] = new Map()
  let last: Calibration | undefined
  for (const [i, name] of names.entries()) {
    const part = within(context, i === 0 ? 0 : 0.9, i === 0 ? 0.9 : 1)
    last = await calibrate({ ...request, statistics, method: method(name) }, part)
    for (const [value, range] of last.ranges) if (calibrations.get(value) === name) ranges.set(value, range)
  }
  return { samples: 0, notes: [], ...last, ranges }
}
