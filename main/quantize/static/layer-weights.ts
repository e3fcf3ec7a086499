/** Scales of the weights of static quantization, and how many bits they have. */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import type { Model } from '../../onnx/model'
import type { Affine, CodeType } from '../affine'
import { nodeLabel } from '../names'
import { channelAxis, codingOf, floatValues, scalesOf } from '../weights'
import type { StaticDecisions, StaticOptions } from './options'
import { edgeLayers } from './placement'
import type { Chosen, Selection } from './select'
import { inputScale } from './wide'

const INT32_MAX = 2147483647

/** Decides all weights; tells in `notes` which scales were widened for the sake of a bias. */
export function decideWeights(
  model: Model,
  { chosen, wide }: Pick<Selection, 'chosen' | 'wide'>,
  scales: { narrow: Map<string, Affine>; wider: Map<string, Affine> },
  options: StaticOptions & { weightType: CodeType },
  notes: Note[],
): StaticDecisions['weights'] {
  const inFour = fourBits(model, [...chosen, ...wide], options)
  const decided = new Map<string, StaticDecisions['weights'][number]>()
  for (const one of [...chosen, ...wide]) {
    const { node, role } = one
    if (role.kind !== 'weighted') continue
    const name = node.input[role.weight] as string
    const tensor = model.graph.initializer(name)
    if (!tensor) continue
    const axis = options.perChannel ? channelAxis(node, tensor.dims.length) : null
    const bits = inFour(node) ? ({ bits: 4 } as const) : {}
    const coding = codingOf({ weightType: options.weightType, reduced: options.reduceRange }, bits)
    const weight = decided.get(`${name}|${axis}`) ?? {
      name,
      ...scalesOf(tensor, model.directory, axis, { ...coding, range: options.weightRange }),
      ...bits,
    }
    decided.set(`${name}|${axis}`, weight)
    const bias = role.bias === null ? undefined : model.graph.initializer(node.input[role.bias] ?? '')
    const scale = inputScale(node, wide.includes(one), scales.narrow, scales.wider)
    if (bias && scale) {
      const widened = fitBias(weight.scales, scale, floatValues(bias, model.directory))
      if (widened > 0) notes.push(widenedNote(node, widened))
    }
  }
  return [...decided.values()]
}

/** Tells which layers have weights of 4 bits. */
function fourBits(
  model: Model,
  layers: readonly Chosen[],
  { weights, edges }: Pick<StaticOptions, 'weights' | 'edges'>,
): (node: NodeProto) => boolean {
  if (weights !== 'int4') return () => false
  if (edges === 'int4') return () => true
  const roles = new Map(layers.map(({ node, role }) => [node, role]))
  const eight = edgeLayers(model, model.graph.topological(), roles)
  // Where all are first or last, there would be nothing to do.
  const all = layers.every(({ node, role }) => role.kind !== 'weighted' || eight.has(node))
  return node => all || !eight.has(node)
}

/**
 * Widens weight scales where the bias would not fit int32: |b| / (s_x · s_w) ≤ 2^31 − 1. Returns how many were.
 * Method: TensorFlow Lite's AdjustWeightsForBiasScale.
 */
function fitBias(scales: number[], inputScale: number, bias: Float32Array): number {
  let widened = 0
  for (let i = 0; i < bias.length; i++) {
    const at = scales.length === 1 ? 0 : i
    const least = (1.0001 * Math.abs(bias[i] as number)) / (INT32_MAX * inputScale)
    if ((scales[at] as number) >= least) continue
    scales[at] = Math.fround(least)
    widened++
  }
  return widened
}

function widenedNote(node: NodeProto, count: number): Note {
  return {
    code: 'weight-scale-widened',
    severity: 'info',
    node: nodeLabel(node),
    message: `${count} weight scale${count === 1 ? ' was' : 's were'} widened so that the bias fits 32 bits.`,
  }
}
