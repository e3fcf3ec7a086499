/**
 * What is wrong with a layer and what helps, found by trying: every fix is computed on the kept statistics, and told
 * only where signal to noise gains by it.
 *
 * Of a tensor with channels the median channel counts too: a wide one hides in the energy of the whole what its scale
 * does to the others. With the step Δ of the codes, a channel of mean square E has 10·log₁₀(12·E / Δ²) dB.
 */
import type { LayerDetail, TensorDetail } from '../../../shared/quantize'
import { affineFor, type codeRange, type Range } from '../affine'
import type { Histogram } from '../calibrate/histogram'
import { findPairs } from '../equalize/chains'
import { elementTypes } from '../types'
import type { PlannedLayer } from './alone'
import type { Channels } from './channels'
import { channelRanges, imbalanceOf, type LayerWeights, weightsOf } from './fit'
import type { Subject } from './subject'

/** Where a tensor has as many dB, a thousandth of its energy is noise: nothing is wrong with it. */
const ENOUGH = 30
/** What a fix must gain: it halves the noise. */
const WORTH = 3
/** Share of the values that may be cut for the sake of the others. */
const GIVEN_UP = 0.001

type Finding = LayerDetail['findings'][number]
/** With the dB that the layer's worst tensor gains. */
type Tried = Finding & { gain: number }

/** What is known of a layer, for a person to see and for findings to try. */
export interface LookedInto {
  subject: Subject
  layer: PlannedLayer
  tensors: TensorDetail[]
  channels: ReadonlyMap<string, Channels>
  codes: ReturnType<typeof codeRange>
}

/** The most likely first; one that says so where nothing helps or nothing is wrong. */
export async function findingsOf(about: LookedInto): Promise<Finding[]> {
  const { subject, layer, tensors } = about
  const types = await elementTypes(subject.model)
  const pairs = subject.options.equalize ? [] : findPairs(subject.model, types).pairs
  const scaled = {
    input: pairs.some(pair => pair.second === layer.node),
    output: pairs.some(pair => pair.first === layer.node),
  }
  const weights = weightsOf(subject.model, subject.decisions, layer)
  const tried = [
    ...tensors.flatMap(tensor => recalibrated(tensor, about)),
    ...(weights ? weightChannels(weights, scaled) : []),
    ...tensors.flatMap(tensor => activationChannel(tensor, about, scaled)),
  ].sort((a, b) => b.gain - a.gain)
  // Scales per channel cost nothing, so they go before all else.
  const helping = tried.filter(({ gain }) => gain >= WORTH)
  const free = helping.filter(({ fix }) => fix === 'perChannel')
  const rest = [...free, ...helping, ...lastResorts(about, tried, weights)]
  const findings: Finding[] = []
  for (const { message, fix } of rest) {
    // A calibration is chosen for each tensor, all else for the layer.
    const same = (other: Finding) => other.fix === fix && (fix !== 'calibration' || other.message === message)
    if (!findings.some(same)) findings.push({ message, fix })
  }
  return findings.length > 0 ? findings : [nothingWrong(tensors)]
}

function nothingWrong(tensors: readonly TensorDetail[]): Finding {
  const least = Math.min(...tensors.map(({ sqnr }) => sqnr ?? Number.POSITIVE_INFINITY))
  const message = Number.isFinite(least)
    ? `Nothing stands out: every tensor keeps ${decibelText(least)} or more. Where the layer still loses accuracy, what lies behind it is touchy: leave it in float.`
    : 'Nothing is lost: 8 bits hold every value exactly.'
  return { message, fix: 'none' }
}

/** Another calibration of an activation: the one of least noise, else one that gives up few values for all others. */
function recalibrated(tensor: TensorDetail, { subject, codes }: LookedInto): Tried[] {
  const { role, name, ranges, sqnr } = tensor
  const { calibration: own } = subject.options
  if (role === 'weight' || sqnr === null) return []
  const told = (found: Tensor, what: string, gain: number): Tried => {
    const share = shareText(beyond(tensor, found))
    const wider = ratioText(widthOf(tensor) / Math.max(widthOf(found), Number.MIN_VALUE))
    const message = `${share} of the values of ${name} stretch its range ${wider}: ${found.calibration} calibration in place of ${own} ${what}.`
    return { message, fix: 'calibration', gain }
  }
  const best = most(ranges, range => range.sqnr ?? Number.POSITIVE_INFINITY)
  if (sqnr < ENOUGH && best && best.sqnr !== null && best.sqnr - sqnr >= WORTH)
    return [told(best, `takes it from ${decibelText(sqnr)} to ${decibelText(best.sqnr)}`, best.sqnr - sqnr)]
  const energy = bulkEnergy(subject.statistics.values.get(name)?.histograms.magnitudes)
  const inBulk = (range: Range) =>
    medianDecibels([[energy, affineFor(range, codes, subject.options.symmetric && range.min < 0).scale]])
  const now = inBulk(plannedRange(subject.decisions.values, tensor))
  const few = most(
    ranges.filter(range => beyond(tensor, range) <= GIVEN_UP),
    range => inBulk(range) ?? 0,
  )
  const then = few ? inBulk(few) : null
  if (!few || now === null || then === null || now >= ENOUGH) return []
  return [
    told(
      few,
      `cuts them, and gives all others ${decibelText(then)} in place of ${decibelText(now)}`,
      then - now,
    ),
  ]
}

type Tensor = TensorDetail['ranges'][number]

/** Mean square of the values but for the largest thousandth. */
function bulkEnergy(magnitudes: Histogram | undefined): number {
  if (!magnitudes) return 0
  const { counts, total } = magnitudes
  let [seen, energy] = [0, 0]
  for (let i = 0; i < counts.length && seen < (1 - GIVEN_UP) * total; i++) {
    seen += counts[i] ?? 0
    energy += (counts[i] ?? 0) * ((magnitudes.edge(i) + magnitudes.edge(i + 1)) / 2) ** 2
  }
  return energy / Math.max(1, seen)
}

/** The first of those with the highest value. */
function most<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best !== undefined && value(best) >= value(item) ? best : item),
    undefined,
  )
}

/** A weight with one scale for all channels. */
function weightChannels(weights: LayerWeights, scaled: { input: boolean; output: boolean }): Tried[] {
  const ranges = channelRanges(weights)
  if (!ranges || weights.planned.axis !== null || ranges.min.length < 2) return []
  const widths = ranges.max.map((max, c) => Math.max(max, -(ranges.min[c] ?? 0)))
  const energy = energies(weights)
  const own = weights.planned.scales[0] ?? 1
  const codes = weights.coding.reduced ? 64 : 127
  const before = medianDecibels(energy.map(e => [e, own]))
  const after = medianDecibels(energy.map((e, c) => [e, (widths[c] ?? 0) / codes]))
  if (before === null || after === null || before >= ENOUGH) return []
  const wide = `The widest of the ${widths.length} channels of ${weights.name} is ${ratioText(imbalanceOf(widths))} the median one, and one scale serves all`
  const gained = `takes the median channel from ${decibelText(before)} to ${decibelText(after)}.`
  const perChannel: Tried = {
    message: `${wide}: a scale per channel ${gained}`,
    fix: 'perChannel',
    gain: after - before,
  }
  const equalize: Tried = {
    message: `${wide}: equalizing layers makes channels alike without a change of the network, up to ${decibelText(after)} from ${decibelText(before)} in the median channel.`,
    fix: 'equalize',
    gain: after - before,
  }
  return scaled.output ? [perChannel, equalize] : [perChannel]
}

/** An activation, which has one scale for all channels always. */
function activationChannel(
  tensor: TensorDetail,
  { channels, codes, subject, layer }: LookedInto,
  scaled: { input: boolean; output: boolean },
): Tried[] {
  const own = channels.get(tensor.name)
  if (tensor.role === 'weight' || !own || own.min.length < 2) return []
  const shown = plannedRange(subject.decisions.values, tensor)
  const step = affineFor(shown, codes, subject.options.symmetric && shown.min < 0).scale
  const widths = own.max.map((max, c) => widthOf({ min: own.min[c] ?? 0, max }))
  const before = medianDecibels(own.energy.map(e => [e, step]))
  const after = medianDecibels(own.energy.map((e, c) => [e, (widths[c] ?? 0) / (codes.max - codes.min)]))
  if (before === null || after === null || before >= ENOUGH) return []
  const touched = tensor.role === 'input' ? scaled.input : scaled.output
  const dense = ['MatMul', 'Gemm'].includes(layer.node.opType) && tensor.role === 'input'
  if (!touched && !dense) return []
  const wide = `The widest of the ${widths.length} channels of ${tensor.name} is ${ratioText(imbalanceOf(widths))} the median one, and an activation has one scale`
  const gained = `up to ${decibelText(after)} from ${decibelText(before)} in the median channel.`
  return [
    touched
      ? {
          message: `${wide}: equalizing layers makes channels alike, ${gained}`,
          fix: 'equalize',
          gain: after - before,
        }
      : {
          message: `${wide}: smoothing moves the range of wide channels into the weights, ${gained}`,
          fix: 'smooth',
          gain: after - before,
        },
  ]
}

/** Where no fix brings the worst tensor above what is enough. */
function lastResorts(
  { tensors, channels, codes, subject }: LookedInto,
  tried: readonly Tried[],
  weights: LayerWeights | undefined,
): Tried[] {
  const worst = (role: 'weight' | 'activation') =>
    Math.min(
      ...tensors
        .filter(t => (t.role === 'weight') === (role === 'weight'))
        .map(t => {
          const own = channels.get(t.name)
          const shown = plannedRange(subject.decisions.values, t)
          const step = affineFor(shown, codes, false).scale
          const median = own && medianDecibels(own.energy.map(e => [e, step]))
          return Math.min(t.sqnr ?? Number.POSITIVE_INFINITY, median ?? Number.POSITIVE_INFINITY)
        }),
    )
  const [activations, weight] = [worst('activation'), weights ? worst('weight') : Number.POSITIVE_INFINITY]
  const cheap = Math.max(0, ...tried.map(t => t.gain))
  if (Math.min(activations, weight) + cheap >= ENOUGH) return []
  if (activations < weight - WORTH) {
    const left = weights ? `leave the weights’ ${decibelText(weight)}` : 'round 256 times as finely'
    return [
      {
        message: `8 bits cannot hold its activations (${decibelText(activations)}): 16 bits for them ${left}; or leave the layer in float.`,
        fix: 'wide',
        gain: 0,
      },
    ]
  }
  const message = `8 bits cannot hold its weights (${decibelText(weight)}): leave the layer in float.`
  return [{ message, fix: 'exclude', gain: 0 }]
}

function plannedRange(values: readonly (Range & { name: string })[], tensor: TensorDetail): Range {
  return values.find(v => v.name === tensor.name) ?? tensor
}

/** Of pairs of mean square and step, for channels that hold something; null where none does. */
function medianDecibels(channels: readonly (readonly [number, number])[]): number | null {
  const all = channels
    .filter(([energy, step]) => energy > 0 && step > 0)
    .map(([energy, step]) => 10 * Math.log10((12 * energy) / step ** 2))
    .sort((a, b) => a - b)
  return all[all.length >> 1] ?? null
}

/** Mean square of every output channel. */
function energies({ values, dims, axis }: LayerWeights): number[] {
  const channels = dims[axis ?? 0] ?? 1
  const inner = dims.slice((axis ?? 0) + 1).reduce((product, d) => product * d, 1)
  const sums = new Array<number>(channels).fill(0)
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / inner) % channels
    sums[c] = (sums[c] ?? 0) + (values[i] ?? 0) ** 2
  }
  return sums.map(sum => (sum * channels) / Math.max(1, values.length))
}

/** Share of the values outside a range. */
function beyond({ histogram: { low, high, counts } }: TensorDetail, range: Range): number {
  const width = (high - low) / Math.max(1, counts.length)
  let [outside, total] = [0, 0]
  for (const [i, count] of counts.entries()) {
    const [left, right] = [low + i * width, low + (i + 1) * width]
    const inside = Math.max(0, Math.min(right, range.max) - Math.max(left, range.min))
    outside += count * Math.min(1, Math.max(0, 1 - inside / width))
    total += count
  }
  return outside / Math.max(1, total)
}

function widthOf({ min, max }: Range): number {
  return Math.max(max, 0) - Math.min(min, 0)
}

const decibelText = (value: number) => `${value.toFixed(1)} dB`
const ratioText = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)}×`
const shareText = (share: number) => `${(100 * share).toPrecision(share < 0.01 ? 1 : 2)} %`
