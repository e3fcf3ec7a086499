/**
 * Random changes of training samples, drawn anew for every step from a generator of that step's own. Pictures are
 * moved by one affine map per sample with bilinear interpolation; outside of a picture its edge goes on.
 */
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Augmentation } from '../../shared/training'
import type { Random } from '../data/random'
import type { Tensor } from '../runtime/tensor'

/** Largest shift and rotation, smallest crop, side of the patch cut out, share of tokens dropped. */
const SHIFT = 0.1
const ANGLE = (12 * Math.PI) / 180
const CROP = 0.8
const CUTOUT = 0.35
const TOKENS = 0.1

/** How the numbers of one sample make a picture. */
interface PictureLayout {
  channels: number
  height: number
  width: number
  /** Distance of neighbouring values along each axis. */
  strides: { channel: number; row: number; column: number }
}

/** Layout of a picture input [batch, …]: NCHW, NHWC or [batch, H, W]; undefined when it is none. */
export function pictureLayoutOf(shape: readonly (number | string)[]): PictureLayout | undefined {
  const [a, b, c] = shape.map(Number)
  const isChannels = (d: number | undefined) => d === 1 || d === 3 || d === 4
  if (a === undefined || b === undefined || shape.some(d => typeof d !== 'number')) return undefined
  if (shape.length === 2 && a > 4 && b > 4)
    return { channels: 1, height: a, width: b, strides: { channel: 0, row: b, column: 1 } }
  if (shape.length !== 3 || c === undefined) return undefined
  if (isChannels(a))
    return { channels: a, height: b, width: c, strides: { channel: b * c, row: c, column: 1 } }
  if (isChannels(c))
    return { channels: c, height: a, width: b, strides: { channel: 1, row: b * c, column: c } }
  return undefined
}

/** Changes feeds in place, for one step. */
export type Augmenter = (feeds: Record<string, Tensor>, random: Random) => void

/**
 * Makes the function that applies `wanted` to a batch. `inputs` are shapes of one sample, without the batch.
 * Throws `bad-option` when a change does not fit the data (pictures are needed, or tokens).
 */
export function makeAugmenter(
  wanted: readonly Augmentation[],
  inputs: readonly TensorInfo[],
): Augmenter | null {
  if (wanted.length === 0) return null
  const moves = wanted.filter(w => w !== 'token-dropout' && w !== 'cutout')
  const picture = inputs.find(i => i.type === 'float32' && pictureLayoutOf(i.shape))
  const tokens = inputs.find(i => /^int(32|64)$/.test(i.type) && !/mask|type|position|segment/i.test(i.name))
  const mask = inputs.find(i => /mask/i.test(i.name) && /^(int(32|64)|float32|bool)$/.test(i.type))
  const needsPicture = wanted.find(w => w !== 'token-dropout')
  if (needsPicture && !picture) throw misfit(needsPicture, 'pictures in float32, such as [3, 32, 32]', inputs)
  if (wanted.includes('token-dropout') && !tokens) throw misfit('token-dropout', 'token numbers', inputs)
  const layout = picture && pictureLayoutOf(picture.shape)
  return (feeds, random) => {
    const tensor = picture && feeds[picture.name]
    if (tensor && layout) {
      if (moves.length > 0) move(tensor, layout, moves, random)
      if (wanted.includes('cutout')) cutOut(tensor, layout, random)
    }
    if (wanted.includes('token-dropout') && tokens) dropTokens(feeds, tokens.name, mask?.name, random)
  }
}

function misfit(what: Augmentation, needs: string, inputs: readonly TensorInfo[]): BantamError {
  const has = inputs.map(i => `${i.name} ${i.type} [${i.shape.join(', ')}]`).join('; ')
  return new BantamError('bad-option', `The augmentation ${what} needs ${needs}; a sample here is ${has}.`, {
    where: 'augment',
    action: `Leave ${what} out.`,
  })
}

/** Uniform in [−1, 1). */
function signed(random: Random): number {
  return 2 * random.unit() - 1
}

/** Map from a place in the result to one in the source, around the centre: s = A·(d − c) + c + t. */
interface Affine {
  a: number
  b: number
  c: number
  d: number
  tx: number
  ty: number
}

function draw(moves: readonly Augmentation[], layout: PictureLayout, random: Random): Affine {
  const has = (what: Augmentation) => moves.includes(what)
  const angle = has('rotate') ? signed(random) * ANGLE : 0
  const scale = has('crop') ? CROP + (1 - CROP) * random.unit() : 1
  const shift = has('shift') ? [signed(random) * SHIFT, signed(random) * SHIFT] : [0, 0]
  const room = has('crop') ? [signed(random), signed(random)].map(u => (u * (1 - scale)) / 2) : [0, 0]
  const mirror = has('flip') && random.unit() < 0.5 ? -1 : 1
  const [cos, sin] = [Math.cos(angle) * scale, Math.sin(angle) * scale]
  return {
    a: cos * mirror,
    b: -sin,
    c: sin * mirror,
    d: cos,
    tx: ((shift[0] ?? 0) + (room[0] ?? 0)) * layout.width,
    ty: ((shift[1] ?? 0) + (room[1] ?? 0)) * layout.height,
  }
}

function move(tensor: Tensor, layout: PictureLayout, moves: readonly Augmentation[], random: Random): void {
  const data = tensor.data as Float32Array // makeAugmenter chose a float32 input
  const size = layout.channels * layout.height * layout.width
  const before = new Float32Array(size)
  for (let from = 0; from < data.length; from += size) {
    const map = draw(moves, layout, random)
    const picture = data.subarray(from, from + size)
    before.set(picture)
    warp(before, picture, layout, map)
  }
}

/** result(x, y) = source at the mapped place, bilinear, coordinates clamped to the picture. */
function warp(source: Float32Array, result: Float32Array, layout: PictureLayout, m: Affine): void {
  const { channels, height, width, strides } = layout
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sx = clamp(m.a * (x - cx) + m.b * (y - cy) + cx + m.tx, width - 1)
      const sy = clamp(m.c * (x - cx) + m.d * (y - cy) + cy + m.ty, height - 1)
      const [x0, y0] = [Math.floor(sx), Math.floor(sy)]
      const [fx, fy] = [sx - x0, sy - y0]
      const right = x0 + 1 < width ? strides.column : 0
      const down = y0 + 1 < height ? strides.row : 0
      let at = y0 * strides.row + x0 * strides.column
      let to = y * strides.row + x * strides.column
      for (let c = 0; c < channels; c++, at += strides.channel, to += strides.channel) {
        const top = (source[at] ?? 0) * (1 - fx) + (source[at + right] ?? 0) * fx
        const bottom = (source[at + down] ?? 0) * (1 - fx) + (source[at + down + right] ?? 0) * fx
        result[to] = top * (1 - fy) + bottom * fy
      }
    }
  }
}

function clamp(value: number, max: number): number {
  return value < 0 ? 0 : value > max ? max : value
}

/** Fills a square with the mean of its picture, channel by channel (DeVries and Taylor 2017, "Cutout"). */
function cutOut(tensor: Tensor, layout: PictureLayout, random: Random): void {
  const data = tensor.data as Float32Array // as in move
  const { channels, height, width, strides } = layout
  const size = channels * height * width
  const side = Math.max(1, Math.round(CUTOUT * Math.min(height, width)))
  for (let from = 0; from < data.length; from += size) {
    // The centre lies anywhere, so that part of the square may fall outside.
    const [top, left] = [random.below(height) - (side >> 1), random.below(width) - (side >> 1)]
    for (let c = 0; c < channels; c++) {
      const base = from + c * strides.channel
      let sum = 0
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) sum += data[base + y * strides.row + x * strides.column] ?? 0
      const mean = sum / (height * width)
      for (let y = Math.max(0, top); y < Math.min(height, top + side); y++)
        for (let x = Math.max(0, left); x < Math.min(width, left + side); x++)
          data[base + y * strides.row + x * strides.column] = mean
    }
  }
}

/**
 * Hides tokens: where there is an attention mask by clearing it, else by putting another token of the batch in their
 * place (Wang et al. 2018, "SwitchOut"). The first token of every sample stays: classifiers read it.
 */
function dropTokens(
  feeds: Record<string, Tensor>,
  tokens: string,
  mask: string | undefined,
  random: Random,
): void {
  const ids = feeds[tokens]
  const visible = mask === undefined ? undefined : feeds[mask]
  if (!ids) return
  const length = ids.dims.at(-1) ?? 1
  const values = ids.data as BigInt64Array // or another integer array: only moved about
  const count = values.length
  for (let i = 0; i < count; i++) {
    if (i % length === 0 || random.unit() >= TOKENS) continue
    if (visible && visible.data.length === count) {
      const hidden = visible.data as BigInt64Array | Int32Array
      hidden[i] = (typeof hidden[i] === 'bigint' ? 0n : 0) as never // zero of the mask's own type
    } else values[i] = values[random.below(count)] as bigint
  }
}
