import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ImagePreprocessing } from '../../shared/domain'
import { imageShape, preprocessImage } from './image'
import { type Pixels, toGray, toRgb } from './pixels'
import { resize } from './resize'
import { suggestForPictures } from './suggest'

/** The same pattern as in the script that made the expected digests with Pillow 13.0 and numpy. */
function pattern(width: number, height: number, channels: 1 | 3): Pixels {
  const data = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => Math.imul(i, 2654435761) >>> 13,
  )
  return { width, height, channels, data }
}

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16)
}

function options(values: Partial<ImagePreprocessing>): ImagePreprocessing {
  return ImagePreprocessing.parse({ kind: 'image', height: 16, width: 16, ...values })
}

describe('resize', () => {
  const cases = [
    [37, 23, 3, 16, 16, 'bilinear', '6a4fccb64a480602'],
    [37, 23, 3, 16, 16, 'bicubic', '6895896e51d0fab4'],
    [37, 23, 3, 80, 50, 'bicubic', '0a50202afed8d087'],
    // Two calls in Pillow, rows first: in one call version 13 does columns first here.
    [37, 23, 3, 80, 11, 'bilinear', '332bd6e174f64cf3'],
    [37, 23, 3, 50, 9, 'nearest', '34d39104704a973d'],
    [64, 48, 1, 7, 5, 'bicubic', 'b5d91eb632b4aab3'],
    [64, 48, 1, 7, 48, 'bilinear', 'ad53ddbdbff6e60a'],
  ] as const
  for (const [w, h, c, width, height, how, wanted] of cases) {
    it(`gives Pillow's bytes: ${how} ${w}×${h}×${c} to ${width}×${height}`, () => {
      expect(digest(resize(pattern(w, h, c), width, height, how).data)).toBe(wanted)
    })
  }

  it('turns colour to gray as Pillow does, and gray to gray without change', () => {
    expect(digest(toGray(pattern(37, 23, 3)).data)).toBe('db4d102897aeb6d8')
    const gray = pattern(9, 9, 1)
    expect(toGray(toRgb(gray)).data).toEqual(gray.data)
  })
})

describe('preprocessImage', () => {
  it("gives the values of torchvision's Resize, CenterCrop, ToTensor and Normalize", () => {
    const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], cropScale: 1.143 }
    const values = Float32Array.from(preprocessImage(pattern(37, 23, 3), options(imagenet)))
    expect(values.slice(0, 3)).toEqual(
      Float32Array.from([-0.7479236125946045, 0.1425635814666748, -0.028683962300419807]),
    )
    expect(values.slice(-2)).toEqual(Float32Array.from([1.036514163017273, 0.32191720604896545]))
    expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(176.2838180307299, 6)
  })

  const dot: Pixels = { width: 2, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30, 40, 50, 60) }

  it('lays channels out first or last, in either order of colours', () => {
    const base = { width: 2, height: 1, scale: 1, fit: 'stretch' as const }
    const run = (more: Partial<ImagePreprocessing>) => [
      ...preprocessImage(dot, options({ ...base, ...more })),
    ]
    expect(run({})).toEqual([10, 40, 20, 50, 30, 60])
    expect(run({ layout: 'NHWC' })).toEqual([10, 20, 30, 40, 50, 60])
    expect(run({ channels: 'bgr' })).toEqual([30, 60, 20, 50, 10, 40])
    expect(run({ channels: 'bgr', mean: [30, 20, 10], std: [1, 1, 2] })).toEqual([0, 30, 0, 30, 0, 15])
    expect(run({ channels: 'gray' })).toEqual([18, 48])
    expect(imageShape(options({ layout: 'NHWC', channels: 'gray' }))).toEqual([16, 16, 1])
  })

  it('pads around a picture that keeps its shape', () => {
    const values = preprocessImage(
      dot,
      options({ width: 2, height: 3, fit: 'pad', scale: 1, padValue: 7, mean: [1], std: [2] }),
    )
    expect([...values.subarray(0, 6)]).toEqual([3, 3, 4.5, 19.5, 3, 3])
  })
})

describe('suggestForPictures', () => {
  const at = (shape: (number | string)[], type = 'float32') => {
    const { preprocessing, notes } = suggestForPictures({ name: 'x', type, shape })
    return { ...(preprocessing as ImagePreprocessing), notes: notes.map(n => n.code) }
  }

  it('follows size, channels and layout of the input', () => {
    expect(at(['N', 3, 224, 224])).toMatchObject({
      layout: 'NCHW',
      channels: 'rgb',
      width: 224,
      mean: [0.485, 0.456, 0.406],
    })
    expect(at([1, 96, 128, 1])).toMatchObject({
      layout: 'NHWC',
      channels: 'gray',
      height: 96,
      width: 128,
      mean: [0],
    })
    expect(at(['N', 3, 32, 32])).toMatchObject({
      width: 32,
      mean: [0],
      scale: 1 / 255,
      notes: ['preprocessing-guess'],
    })
    expect(at(['N', 224, 224, 3], 'uint8')).toMatchObject({ layout: 'NHWC', scale: 1, notes: [] })
    expect(at(['N', 3, 'h', 'w'])).toMatchObject({
      height: 224,
      width: 224,
      notes: ['size-guess', 'preprocessing-guess'],
    })
    expect(at(['N', 784])).toMatchObject({ height: 28, width: 28, channels: 'gray' })
  })
})
