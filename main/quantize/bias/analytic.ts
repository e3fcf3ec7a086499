/**
 * Analytic bias correction: with ε = Ŵ − W the shift that rounding the weights gives the mean of an output channel is
 * ε·E[x], and E[x] follows from the batch normalization before, without data.
 *
 *   b ← b − ε·E[x]
 *
 * Paper: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019
 * (arXiv:1906.04721), section 4.2.1. As there, the zeros that pad a convolution's input are not counted.
 */
import type { Note } from '../../../shared/domain'
import { describeNode } from '../../onnx/graph'
import { inferTypes } from '../../onnx/infer'
import type { Model } from '../../onnx/model'
import { tensorDims } from '../../onnx/tensor'
import { channelOf, type RoundedLayer, roundedLayer } from '../adaround/layer'
import { nodeLabel } from '../names'
import { preparedForStatic } from '../prepare'
import type { StaticDecisions } from '../static/options'
import { type PlannedLayer, plannedLayers } from '../static/planned'
import { codingOf, floatValues, quantizeWeight } from '../weights'
import { expectedMeans, type Known } from './means'
import { hasBias, withShiftedBiases } from './shift'

/**
 * The decisions with corrected biases, and notes: one for each layer of which the mean of what it reads is not known.
 * `source`: the model as it was given; `model`: the prepared one that the decisions are about.
 */
export async function withAnalyticBiases(
  source: Model,
  model: Model,
  decisions: StaticDecisions,
): Promise<{ decisions: StaticDecisions; notes: Note[] }> {
  const { model: simple } = await preparedForStatic(source)
  const types = await inferTypes(model)
  const means = expectedMeans({ source, simple, prepared: model, types })
  const notes: Note[] = []
  const layers = plannedLayers(model, decisions)
  const shifts = layers.flatMap(layer => {
    const { node } = layer
    const name = node.input[0] ?? ''
    const known: Known = means.get(name) ?? { unknown: 'it is an input of the model' }
    const found = shiftOf(model, decisions, layers, layer, known)
    if (typeof found !== 'string') return [{ layer, shift: found }]
    const message = `The bias of ${describeNode(node)} is not corrected: ${found}.`
    notes.push({ code: 'bias-declined', severity: 'info', node: nodeLabel(node), message })
    return []
  })
  const message = `The biases of ${shifts.length} of ${layers.length} layer${layers.length === 1 ? '' : 's'} were corrected by what batch normalization says of the means of inputs.`
  return {
    decisions: withShiftedBiases(model, decisions, shifts),
    notes: [...notes, { code: 'bias-corrected', severity: 'info', message }],
  }
}

/** −ε·E[x] for every output channel, or why it cannot be told. */
function shiftOf(
  model: Model,
  decisions: StaticDecisions,
  layers: readonly PlannedLayer[],
  planned: PlannedLayer,
  known: Known,
): Float64Array | string {
  if (!hasBias(planned.node)) return 'its beta is zero'
  // What is learned makes up for the shift of what the layer reads too: to take away its own part would undo that.
  if (decisions.roundings.some(r => r.learned && r.id === planned.planned.id))
    return 'its rounding was learned with the shift in view'
  if ('unknown' in known) return `the mean of what it reads is not known, as ${known.unknown}`
  const layer = roundedLayer(model, layers, planned, decisions)
  if (typeof layer === 'string') return layer
  const tensor = model.graph.initializer(layer.weight)
  const weight = decisions.weights.find(w => w.name === layer.weight && w.axis === layer.axis)
  if (!tensor || !weight) return 'its weights are not in the plan'
  const channels = inputChannels(layer)
  if (known.mean.length !== channels * layer.groups)
    return `${known.mean.length} means are known of ${channels * layer.groups} channels`
  const values = floatValues(tensor, model.directory)
  const coding = codingOf(decisions, weight)
  const codes = quantizeWeight(values, tensorDims(tensor), weight, coding)
  const shift = new Float64Array(layer.groups * layer.outputs)
  const output = channelOf(layer)
  const input = inputOf(layer)
  for (let i = 0; i < values.length; i++) {
    const o = output(i)
    const scale = weight.scales[weight.scales.length === 1 ? 0 : o] as number
    const error = scale * ((codes[i] as number) - weight.zeroPoint) - (values[i] as number)
    shift[o] = (shift[o] as number) - layer.alpha * error * (known.mean[input(i)] as number)
  }
  return shift
}

/** Input channels of one group. */
function inputChannels({ inputs, kernel }: RoundedLayer): number {
  return inputs / kernel.reduce((product, d) => product * d, 1)
}

/** The input channel of an element of the weight. */
function inputOf(layer: RoundedLayer): (index: number) => number {
  const { inputs, outputs, byRow, kernel } = layer
  const taps = kernel.reduce((product, d) => product * d, 1)
  const channels = inputChannels(layer)
  if (!byRow) return index => Math.floor(index / outputs)
  return index => {
    const group = Math.floor(index / (inputs * outputs))
    return group * channels + Math.floor((index % inputs) / taps)
  }
}
