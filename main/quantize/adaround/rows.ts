/**
 * Rows to learn a layer's rounding from: what the layer reads in the network quantized so far, and what it gives, its
 * activation function included, in the float network (Nagel et al. 2020, "asymmetric reconstruction"). Of each run only
 * as many places as memory allows are kept, drawn at random.
 */
import type { TensorInfo } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Random } from '../../data/random'
import { fixedBatch } from '../../measure/inputs'
import { intsAttribute } from '../../onnx/build'
import { paddingBefore } from '../../operators/window'
import { elementCount, joined, type Tensor } from '../../runtime/tensor'
import type { RoundedLayer } from './layer'

/** Bytes of rows of one layer, and rows at most. */
const ROW_BYTES = 96 * 2 ** 20
const ROWS = 32768
/** Samples in one run when the model takes any number. */
const BATCH = 16
/** Every fifth run is held out. */
const HELD_OUT = 5

/** Rows as they lie: [row][group][input] and [row][group][output]. */
export interface Rows {
  count: number
  read: Float32Array
  given: Float32Array
}

export interface LayerRows {
  learn: Rows
  held: Rows
}

/**
 * Cuts samples into runs of the model's fixed batch, or of a size that gives at least `HELD_OUT` runs and is not more than
 * `most`. Throws `bad-data` when there are fewer than two runs, so that none could be held out.
 */
export function runsOf(inputs: readonly TensorInfo[], indices: Uint32Array, most = BATCH): Uint32Array[] {
  const fixed = fixedBatch(inputs)
  const size = fixed ?? Math.min(BATCH, most, Math.max(1, Math.ceil(indices.length / HELD_OUT)))
  const runs: Uint32Array[] = []
  for (let at = 0; at + (fixed ?? 1) <= indices.length; at += size) runs.push(indices.subarray(at, at + size))
  if (runs.length < 2) {
    throw new BantamError('bad-data', 'Rounding cannot be learned: no samples are left to judge it on.', {
      where: 'calibration',
      action: `Give at least ${2 * size} calibration samples, or choose --rounding nearest.`,
    })
  }
  return runs
}

/** Draws the rows of a layer, run by run. */
export class Gather {
  private readonly parts: { held: boolean; rows: Rows }[] = []
  private readonly perRun: number
  private readonly width: number
  private readonly height: number

  constructor(
    private readonly layer: RoundedLayer,
    private readonly runs: number,
    private readonly random: Random,
  ) {
    this.width = layer.groups * layer.inputs
    this.height = layer.groups * layer.outputs
    const most = Math.min(ROWS, ROW_BYTES / 4 / (this.width + this.height))
    this.perRun = Math.max(1, Math.floor(most / runs))
  }

  /** A run: what the layer reads, and what it gives. Throws `bad-data` when a value drawn is not finite. */
  add(x: Tensor, y: Tensor): void {
    const conv = this.layer.node.opType === 'Conv'
    const [reads, gives] = [x.data as Float32Array, y.data as Float32Array]
    const places = elementCount(y.dims) / this.height
    const chosen = this.draw(places)
    const rows: Rows = {
      count: chosen.length,
      read: new Float32Array(chosen.length * this.width),
      given: new Float32Array(chosen.length * this.height),
    }
    if (conv) this.patches(x, y, chosen, rows)
    else
      for (const [i, place] of chosen.entries()) {
        rows.read.set(reads.subarray(place * this.width, (place + 1) * this.width), i * this.width)
        rows.given.set(gives.subarray(place * this.height, (place + 1) * this.height), i * this.height)
      }
    if (!rows.given.every(Number.isFinite) || !rows.read.every(Number.isFinite))
      throw new BantamError('bad-data', 'A value of the network is not finite on these samples.', {
        where: this.layer.result,
        action: 'Check the samples and their preprocessing.',
      })
    const at = this.parts.length
    // With fewer than five runs the last is held out.
    const held = at % HELD_OUT === HELD_OUT - 1 || (this.runs < HELD_OUT && at === this.runs - 1)
    this.parts.push({ held, rows })
  }

  /** Places of a run, in order, at most `perRun` (Knuth's selection sampling). */
  private draw(places: number): Uint32Array {
    const wanted = Math.min(places, this.perRun)
    const out = new Uint32Array(wanted)
    let taken = 0
    for (let place = 0; taken < wanted; place++) {
      const chance = (wanted - taken) / (places - place)
      if (chance >= 1 || this.random.unit() < chance) out[taken++] = place
    }
    return out
  }

  /** The patches that a convolution reads for the chosen places of y [n, channels, …], and y there. */
  private patches(x: Tensor, y: Tensor, chosen: Uint32Array, rows: Rows): void {
    const [source, target] = [x.data as Float32Array, y.data as Float32Array]
    const geometry = geometryOf(this.layer, x, y)
    const { kernel, strides, dilations, before, input, output } = geometry
    const [inner, outer] = [elementCount(input), elementCount(output)]
    const channels = x.dims[1] ?? 1
    const taps = elementCount(kernel)
    const offsets = new Int32Array(taps)
    for (const [i, place] of chosen.entries()) {
      const [sample, at] = [Math.floor(place / outer), place % outer]
      const where = unravel(at, output)
      for (let tap = 0; tap < taps; tap++) {
        let offset = 0
        for (const [axis, k] of unravel(tap, kernel).entries()) {
          const size = input[axis] ?? 1
          const p =
            (where[axis] ?? 0) * (strides[axis] ?? 1) - (before[axis] ?? 0) + k * (dilations[axis] ?? 1)
          offset = p < 0 || p >= size || offset < 0 ? -1 : offset * size + p
        }
        offsets[tap] = offset
      }
      let to = i * this.width
      for (let c = 0; c < channels; c++) {
        const base = (sample * channels + c) * inner
        for (let tap = 0; tap < taps; tap++) {
          const offset = offsets[tap] as number
          // Padding is zero.
          rows.read[to++] = offset < 0 ? 0 : (source[base + offset] as number)
        }
      }
      for (let c = 0; c < this.height; c++) {
        rows.given[i * this.height + c] = target[(sample * this.height + c) * outer + at] as number
      }
    }
  }

  rows(): LayerRows {
    return {
      learn: together(this.parts.filter(p => !p.held).map(p => p.rows)),
      held: together(this.parts.filter(p => p.held).map(p => p.rows)),
    }
  }
}

function together(parts: readonly Rows[]): Rows {
  return {
    count: parts.reduce((sum, p) => sum + p.count, 0),
    read: joined(parts.map(p => p.read)),
    given: joined(parts.map(p => p.given)),
  }
}

function geometryOf({ node, kernel }: RoundedLayer, x: Tensor, y: Tensor) {
  const [input, output] = [x.dims.slice(2), y.dims.slice(2)]
  const ones = input.map(() => 1)
  const strides = intsAttribute(node, 'strides') ?? ones
  const dilations = intsAttribute(node, 'dilations') ?? ones
  const before = paddingBefore(node, { input, output, kernel, strides, dilations })
  return { kernel, strides, dilations, before, input, output }
}

function unravel(index: number, dims: readonly number[]): number[] {
  const out = dims.map(() => 0)
  let rest = index
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const size = dims[axis] ?? 1
    out[axis] = rest % size
    rest = Math.floor(rest / size)
  }
  return out
}
