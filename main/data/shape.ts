/** Whether samples fit a model's input, and in which shape they enter it. */
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

export interface Fit {
  /** Shape of one sample as the model takes it. */
  shape: number[]
  /** Whether axes were inserted, removed, or values laid out in another shape (their order never changes). */
  reshaped: boolean
}

type Dimension = number | string

/** A dimension the model leaves open: a name, or a number that is no size. */
function isOpen(dimension: Dimension | undefined): boolean {
  return typeof dimension !== 'number' || dimension <= 0
}

/**
 * Fits samples of shape `sample` to `input`, whose first axis is the batch. Symbolic dimensions fit anything; axes of
 * length one may be missing or added; a flat sample may be given its shape and a shaped one made flat.
 * Throws `bad-data` that says when the channels are on the other side.
 */
export function fitShape(sample: readonly number[], input: TensorInfo, source: string): Fit {
  const wanted = input.shape.slice(1)
  const shape = sameRank(sample, wanted) ?? withoutOnes(sample, wanted) ?? flat(sample, wanted)
  if (shape)
    return { shape, reshaped: shape.length !== sample.length || shape.some((d, i) => d !== sample[i]) }
  throw misfit(sample, input, wanted, source)
}

function sameRank(sample: readonly number[], wanted: readonly Dimension[]): number[] | undefined {
  if (sample.length !== wanted.length) return undefined
  return sample.every((d, i) => isOpen(wanted[i]) || wanted[i] === d) ? [...sample] : undefined
}

/** The same axes but for those of length one. */
function withoutOnes(sample: readonly number[], wanted: readonly Dimension[]): number[] | undefined {
  const rest = sample.filter(d => d !== 1)
  const shape: number[] = []
  for (const [i, dimension] of wanted.entries()) {
    const following = wanted.slice(i + 1).filter(d => d !== 1).length
    if (dimension === 1 || (isOpen(dimension) && rest.length <= following)) shape.push(1)
    else {
      const next = rest.shift()
      if (next === undefined || (!isOpen(dimension) && next !== dimension)) return undefined
      shape.push(next)
    }
  }
  return rest.length === 0 ? shape : undefined
}

/** Between a flat sample and a shaped input of as many values, row-major, either way. */
function flat(sample: readonly number[], wanted: readonly Dimension[]): number[] | undefined {
  if ((sample.length !== 1 && wanted.length !== 1) || wanted.some(isOpen)) return undefined
  const shape = wanted.map(Number)
  return product(shape) === product(sample) ? shape : undefined
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, d) => total * d, 1)
}

/** The same axes with the channels moved to the other end. */
function channelsMoved(
  sample: readonly number[],
  wanted: readonly Dimension[],
): 'first' | 'last' | undefined {
  if (sample.length < 3 || sample.length !== wanted.length) return undefined
  const isChannels = (d: number | undefined) => d !== undefined && d >= 1 && d <= 4
  const toFirst = [sample.at(-1) ?? 0, ...sample.slice(0, -1)]
  const toLast = [...sample.slice(1), sample[0] ?? 0]
  if (isChannels(sample.at(-1)) && wanted[0] === sample.at(-1) && sameRank(toFirst, wanted)) return 'first'
  if (isChannels(sample[0]) && wanted.at(-1) === sample[0] && sameRank(toLast, wanted)) return 'last'
  return undefined
}

function misfit(
  sample: readonly number[],
  input: TensorInfo,
  wanted: readonly Dimension[],
  source: string,
): BantamError {
  const has = `[${sample.join(', ')}]`
  const wants = `[${wanted.map(d => (isOpen(d) ? d || '?' : d)).join(', ')}]`
  const moved = channelsMoved(sample, wanted)
  if (moved) {
    const other = moved === 'first' ? 'last (NHWC)' : 'first (NCHW)'
    const want = moved === 'first' ? 'first (NCHW)' : 'last (NHWC)'
    return new BantamError(
      'bad-data',
      `${source} holds channels ${other}, ${has}; the model's input ${input.name} wants channels ${want}, ${wants}.`,
      {
        where: input.name,
        action: 'Choose picture preprocessing, which changes the layout, or transpose the array.',
      },
    )
  }
  return new BantamError(
    'bad-data',
    `${source} holds samples of shape ${has}; the model's input ${input.name} wants ${wants}.`,
    {
      where: input.name,
      action: 'Choose other data, other columns, or preprocessing that gives this shape.',
    },
  )
}
