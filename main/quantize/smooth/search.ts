/**
 * Choosing how far to smooth: the exponent α whose scales leave the least error in what the layers of a group give.
 *
 *   error(α) = Σ_layers ‖Q(X / s) · Q(s ⊙ W) − X · W‖² / ‖X · W‖²
 *
 * over rows X of calibration samples, each layer's own error relative to its own output, so that a group of q, k and v
 * is not ruled by the largest. X is coded with the one range it has after smoothing, W per channel or tensor, as they
 * will be. As the automatic tuning of α layer by layer in Intel Neural Compressor, with "not at all" among the choices.
 */
import { breathe, type TaskContext } from '../../jobs/context'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import { affineFor, codeRange } from '../affine'
import { type DenseWeight, rowMagnitudes, smoothingScales } from './scales'
import type { ChannelStatistics } from './statistics'

const ALPHAS = Array.from({ length: 13 }, (_, i) => (30 + 5 * i) / 100)

export interface SearchCoding {
  perChannel: boolean
  /** Activations get codes symmetric about zero. */
  symmetric: boolean
  /** Weights in seven bits. */
  reduced: boolean
}

export interface FoundAlpha {
  /** null: not smoothing is best. */
  alpha: number | null
  /** Relative squared error with and without. */
  error: number
  unsmoothed: number
}

/** The search over groups of layers; keeps one small session. */
export class AlphaSearch {
  private constructor(
    private readonly session: Session,
    private readonly coding: SearchCoding,
  ) {}

  static async open(coding: SearchCoding, threads: number): Promise<AlphaSearch> {
    const session = await openSession(serialize(errorModel(coding.perChannel)), { threads, arena: false })
    return new AlphaSearch(session, coding)
  }

  /** Tries all exponents. Ties go to the smaller change. */
  async best(
    channels: ChannelStatistics,
    weights: readonly DenseWeight[],
    context: TaskContext,
  ): Promise<FoundAlpha> {
    const none = new Float32Array(channels.min.length).fill(1)
    const unsmoothed = await this.error(channels, weights, none)
    const magnitudes = rowMagnitudes(weights, channels.min.length)
    let found: FoundAlpha = { alpha: null, error: unsmoothed, unsmoothed }
    for (const alpha of ALPHAS) {
      await breathe(context)
      const error = await this.error(channels, weights, smoothingScales(channels, magnitudes, alpha))
      if (error < found.error) found = { alpha, error, unsmoothed }
    }
    return found
  }

  /** Relative squared error of the layers with the given scales. */
  async error(
    { min, max, rows }: ChannelStatistics,
    weights: readonly DenseWeight[],
    scales: Float32Array<ArrayBuffer>,
  ): Promise<number> {
    const range = { min: 0, max: 0 }
    scales.forEach((s, k) => {
      range.min = Math.min(range.min, (min[k] as number) / s)
      range.max = Math.max(range.max, (max[k] as number) / s)
    })
    const codes = codeRange('uint8')
    const { scale, zeroPoint } = affineFor(range, codes, this.coding.symmetric && range.min < 0)
    const levels = codeRange('int8', { narrow: true, reduced: this.coding.reduced }).max
    const channels = scales.length
    let sum = 0
    for (const { values, outputs } of weights) {
      const { error, signal } = await this.session.run({
        x: matrix(rows, channels),
        w: matrix(values, outputs),
        s: { type: 'float32', dims: [channels], data: scales },
        step: scalar(scale),
        lowest: scalar(codes.min - zeroPoint),
        highest: scalar(codes.max - zeroPoint),
        levels: scalar(levels),
      })
      const energy = Number(signal?.data[0])
      if (energy > 0) sum += Number(error?.data[0]) / energy
    }
    return sum
  }

  async close(): Promise<void> {
    await this.session.close()
  }
}

function matrix(data: Float32Array<ArrayBuffer>, columns: number): Tensor {
  return { type: 'float32', dims: [data.length / columns, columns], data }
}

function scalar(value: number): Tensor {
  return { type: 'float32', dims: [1], data: Float32Array.of(value) }
}

/** ‖Q(X / s) · Q(s ⊙ W) − X · W‖² and ‖X · W‖², rounding written out so that nothing runs in integers. */
function errorModel(perChannel: boolean) {
  const nodes = [
    makeNode('Div', ['x', 's'], ['xs']),
    makeNode('Div', ['xs', 'step'], ['xd']),
    makeNode('Round', ['xd'], ['xr']),
    makeNode('Max', ['xr', 'lowest'], ['xl']),
    makeNode('Min', ['xl', 'highest'], ['xc']),
    makeNode('Mul', ['xc', 'step'], ['xq']),
    makeNode('Unsqueeze', ['s', 'one'], ['column']),
    makeNode('Mul', ['w', 'column'], ['ws']),
    makeNode('Abs', ['ws'], ['wa']),
    makeNode('ReduceMax', ['wa'], ['wm'], { keepdims: 1n, axes: perChannel ? [0n] : [0n, 1n] }),
    makeNode('Max', ['wm', 'least'], ['wl']),
    makeNode('Div', ['wl', 'levels'], ['wstep']),
    makeNode('Div', ['ws', 'wstep'], ['wd']),
    makeNode('Round', ['wd'], ['wr']),
    makeNode('Mul', ['wr', 'wstep'], ['wq']),
    makeNode('MatMul', ['xq', 'wq'], ['yq']),
    makeNode('MatMul', ['x', 'w'], ['y']),
    makeNode('Sub', ['yq', 'y'], ['d']),
    makeNode('ReduceSumSquare', ['d'], ['error'], { keepdims: 0n }),
    makeNode('ReduceSumSquare', ['y'], ['signal'], { keepdims: 0n }),
  ]
  return makeModel({
    nodes,
    inputs: [
      makeValue('x', 'float32', ['rows', 'inputs']),
      makeValue('w', 'float32', ['inputs', 'outputs']),
      makeValue('s', 'float32', ['inputs']),
      ...['step', 'lowest', 'highest', 'levels'].map(name => makeValue(name, 'float32', [1])),
    ],
    outputs: [makeValue('error', 'float32', []), makeValue('signal', 'float32', [])],
    initializers: [
      makeTensor('one', 'int64', [1], [1n]),
      makeTensor('least', 'float32', [1], Float32Array.of(2 ** -100)),
    ],
  })
}
