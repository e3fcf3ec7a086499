/**
 * AdaRound: whether a weight is rounded up or down is learned, so that what a layer gives changes least, instead of the
 * weight itself. Layer after layer in the order of the graph, each with those before it already rounded.
 * Paper: Nagel et al., Up or Down? Adaptive Rounding for Post-Training Quantization, ICML 2020 (arXiv:2004.10568).
 */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { type TaskContext, within } from '../../jobs/context'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { tensorDims } from '../../onnx/tensor'
import type { SampleSet } from '../../technique'
import { nodeLabel } from '../names'
import type { StaticDecisions } from '../static/options'
import { plannedLayers } from '../static/planned'
import { codingOf, floatValues, floorWeight, quantizeWeight } from '../weights'
import { packBits } from './bits'
import { type RoundedLayer, roundedLayer } from './layer'
import { type Learned, learnRounding } from './learn'
import { Networks } from './networks'
import type { LayerRows } from './rows'

export interface RoundingRequest {
  /** The prepared float model that the decisions are about. */
  model: Model
  decisions: StaticDecisions
  samples: SampleSet & { threads: number; seed: number }
  /** Steps of each layer. */
  steps: number
}

/**
 * The decisions with learned roundings, and notes. A layer whose error on held-out samples did not fall keeps rounding
 * to nearest. Throws `bad-data` with too few samples to hold any out, and what running and training throw.
 */
export async function withLearnedRounding(
  { model, decisions, samples, steps }: RoundingRequest,
  context: TaskContext,
): Promise<{ decisions: StaticDecisions; notes: Note[] }> {
  const planned = plannedLayers(model, decisions)
  const notes: Note[] = []
  const layers = planned.flatMap(one => {
    const layer = roundedLayer(model, planned, one, decisions)
    if (typeof layer !== 'string') return [layer]
    notes.push(declined(one.node, layer))
    return []
  })
  if (layers.length === 0) return { decisions, notes: [...notes, ...summary(decisions)] }
  const networks = await Networks.begin({ model, decisions, samples }, layers, context)
  try {
    let current = decisions
    const work = layers.map(({ groups, inputs, outputs }) => groups * inputs * outputs)
    const whole = work.reduce((sum, w) => sum + w, 0)
    let done = 0
    for (const [i, layer] of layers.entries()) {
      const next = done + (work[i] ?? 0)
      const part = within(context, done / whole, next / whole)
      const rows = await networks.next(within(part, 0, 0.2))
      const request = { model, decisions: current, samples, steps }
      current = await learnLayer(request, layer, rows, networks, within(part, 0.2, 1))
      done = next
    }
    return { decisions: current, notes: [...notes, ...summary(current)] }
  } finally {
    await networks.close()
  }
}

/** The decisions with those of one layer, whose codes the quantized network is given. */
async function learnLayer(
  { model, decisions, samples, steps }: RoundingRequest,
  layer: RoundedLayer,
  rows: LayerRows,
  networks: Networks,
  context: TaskContext,
): Promise<StaticDecisions> {
  const tensor = model.graph.initializer(layer.weight)
  const weight = decisions.weights.find(w => w.name === layer.weight && w.axis === layer.axis)
  if (!tensor || !weight) return decisions
  const values = floatValues(tensor, model.directory)
  const coding = codingOf(decisions, weight)
  const dims = tensorDims(tensor)
  const { zeroPoint } = weight
  const nearest = Float32Array.from(quantizeWeight(values, dims, weight, coding), q => q - zeroPoint)
  const { seed, threads } = samples
  const floor = floorWeight(values, dims, weight, coding)
  const { scales } = weight
  const learned = await learnRounding(
    { layer, weights: values, floor, nearest, scales, rows, steps, seed, threads },
    context,
  )
  if (!learned) return decisions
  const rounded = withRounding(decisions, layer, weight, learned)
  const found = rounded.weights.find(w => w.name === layer.weight && w.axis === layer.axis)
  if (found?.up !== undefined) networks.round(quantizeWeight(values, dims, found, coding), coding.type)
  return rounded
}

function withRounding(
  decisions: StaticDecisions,
  layer: RoundedLayer,
  weight: StaticDecisions['weights'][number],
  { up, before, after, moved }: Learned,
): StaticDecisions {
  const better = after < before
  const rounding = { id: layer.id, before, after, moved, learned: better }
  const weights = decisions.weights.map(w => (better && w === weight ? { ...w, up: packBits(up) } : w))
  return { ...decisions, weights, roundings: [...decisions.roundings, rounding] }
}

function declined(node: NodeProto, reason: string): Note {
  const message = `${describeNode(node)} is rounded to nearest: ${reason}.`
  return { code: 'rounding-declined', severity: 'info', node: nodeLabel(node), message }
}

function summary({ roundings }: StaticDecisions): Note[] {
  const learned = roundings.filter(r => r.learned)
  const rest = roundings.length - learned.length
  const layers = (count: number) => `${count} layer${count === 1 ? '' : 's'}`
  const kept =
    rest > 0
      ? ` ${layers(rest)} kept rounding to nearest, as the error did not fall on samples held out.`
      : ''
  if (learned.length === 0) {
    const message = `No layer gained from learned rounding.${kept}`
    return [{ code: 'rounding-learned', severity: 'info', message }]
  }
  // The geometric mean, as these are ratios.
  const mean = Math.exp(learned.reduce((sum, r) => sum + Math.log(r.after / r.before), 0) / learned.length)
  const message = `The rounding of ${layers(learned.length)} was learned: on samples held out, the error of what a layer gives fell to ${Math.round(100 * mean)} % of that with rounding to nearest.${kept}`
  return [{ code: 'rounding-learned', severity: 'info', message }]
}
