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
import { editableCopy } from '../copy'
import { nodeId, nodeLabel } from '../names'
import { insertQdq } from '../qdq'
import type { StaticDecisions } from '../static/options'
import { plannedLayers } from '../static/planned'
import { floatValues, floorWeight, quantizeWeight } from '../weights'
import { packBits } from './bits'
import { type RoundedLayer, roundedLayer } from './layer'
import { type Learned, learnRounding } from './learn'
import { rowsOf } from './rows'

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
  const layers = plannedLayers(model, decisions)
  const notes: Note[] = []
  let current = decisions
  for (const [i, planned] of layers.entries()) {
    const layer = roundedLayer(model, layers, planned, current)
    if (typeof layer === 'string') {
      notes.push(declined(planned.node, layer))
      continue
    }
    const part = within(context, i / layers.length, (i + 1) / layers.length)
    current = await learnLayer({ model, decisions: current, samples, steps }, layer, part)
  }
  return { decisions: current, notes: [...notes, ...summary(current)] }
}

/** The decisions with those of one layer. */
async function learnLayer(
  { model, decisions, samples, steps }: RoundingRequest,
  layer: RoundedLayer,
  context: TaskContext,
): Promise<StaticDecisions> {
  const tensor = model.graph.initializer(layer.weight)
  const weight = decisions.weights.find(w => w.name === layer.weight && w.axis === layer.axis)
  if (!tensor || !weight) return decisions
  const rows = await rowsOf(
    layer,
    { float: model, ...quantizedUpTo(model, decisions, layer) },
    samples,
    context,
  )
  const values = floatValues(tensor, model.directory)
  const coding = { type: decisions.weightType, reduced: decisions.reduced }
  const { zeroPoint } = weight
  const nearest = Float32Array.from(
    quantizeWeight(values, tensorDims(tensor), weight, coding),
    q => q - zeroPoint,
  )
  const learned = await learnRounding(
    {
      layer,
      weights: values,
      floor: floorWeight(values, tensorDims(tensor), weight, coding),
      nearest,
      scales: weight.scales,
      rows,
      steps,
      seed: samples.seed,
      threads: samples.threads,
    },
    context,
  )
  if (!learned) return decisions
  return withRounding(decisions, layer, weight, learned)
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

/** The model quantized as decided so far, and the name of what the layer reads in it. */
function quantizedUpTo(model: Model, decisions: StaticDecisions, layer: RoundedLayer) {
  const quantized = editableCopy(model)
  const node = quantized.graph.nodes.find(n => nodeId(n) === layer.id)
  insertQdq(quantized, decisions)
  return { quantized, read: node?.input[0] ?? '' }
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
