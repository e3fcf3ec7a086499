import { describe, expect, it } from 'vitest'
import type { ImagePreprocessing } from '../../../shared/domain'
import { preprocessingText } from './SnippetPanel'
import { browserSnippet } from './snippet-browser'
import { csharpSnippet } from './snippet-csharp'
import { padPixel, resizeTo, type SnippetModel, snippetInputs } from './snippet-input'
import { nodeSnippet } from './snippet-node'
import { pythonSnippet } from './snippet-python'

const image: ImagePreprocessing = {
  kind: 'image',
  height: 224,
  width: 200,
  channels: 'rgb',
  fit: 'crop',
  cropScale: 1.143,
  interpolation: 'bilinear',
  layout: 'NCHW',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  padValue: 0.5,
}

const model: SnippetModel = {
  file: 'small.onnx',
  inputs: [
    { name: 'pixels', type: 'float32', shape: ['batch', 3, 224, 200] },
    { name: 'threshold', type: 'int64', shape: [] },
  ],
  outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 2] }],
  preprocessing: image,
  classes: ['cat', 'dog'],
}

describe('what every snippet builds on', () => {
  it('sets symbolic and unknown dimensions to one and counts a scalar as one element', () => {
    expect(snippetInputs(model).map(i => [i.shape, i.size, i.free])).toEqual([
      [[1, 3, 224, 200], 134_400, ['batch']],
      [[], 1, []],
    ])
  })

  it('resizes above the crop and pads with the value that scale turns into padValue', () => {
    expect(resizeTo(image)).toEqual({ height: 256, width: 229 })
    expect(resizeTo({ ...image, fit: 'stretch' })).toEqual({ height: 224, width: 200 })
    expect(padPixel(image)).toBe(128)
  })
})

describe('Node', () => {
  const code = nodeSnippet(model)
  it('uses the names, shapes and types of the model', () => {
    expect(code).toContain(`InferenceSession.create("small.onnx")`)
    expect(code).toContain(`"pixels": new ort.Tensor('float32', await prepare(`)
    expect(code).toContain('[1, 3, 224, 200]')
    expect(code).toContain(`"threshold": new ort.Tensor('int64', new BigInt64Array(1), [])`)
    expect(code).toContain(`results["logits"].data`)
  })

  it('repeats the preprocessing', () => {
    expect(code).toContain(`.resize(229, 256, { fit: 'cover', kernel: 'linear' })`)
    expect(code).toContain('.extract({ left: 15, top: 16, width: 200, height: 224 })')
    expect(code).toContain('(1 / 255)')
    expect(code).toContain('x[c * 44800 + i]')
  })

  it('reverses channels for bgr, keeps them together for NHWC and pads where asked', () => {
    const other = nodeSnippet({
      ...model,
      preprocessing: { ...image, channels: 'bgr', layout: 'NHWC', fit: 'pad' },
    })
    expect(other).toContain('pixels[i * 3 + 2 - c]')
    expect(other).toContain('x[i * 3 + c]')
    expect(other).toContain("fit: 'contain', kernel: 'linear', background: { r: 128, g: 128, b: 128 }")
    expect(other).not.toContain('.extract(')
  })

  it('gives integer inputs integer arrays', () => {
    const bytes = { name: 'pixels', type: 'uint8', shape: [1, 3, 224, 200] }
    expect(nodeSnippet({ ...model, inputs: [bytes] })).toContain('Uint8Array.from(await prepare(')
  })

  it('says how arrays were prepared, and only when they were', () => {
    const array = { kind: 'array' as const, scale: 1, mean: [0.13], std: [0.3] }
    expect(nodeSnippet({ ...model, preprocessing: array })).toContain('mean = [0.13], std = [0.3]')
    const scaled = { ...array, scale: 1 / 255, mean: [0], std: [1] }
    for (const make of [nodeSnippet, pythonSnippet, csharpSnippet, browserSnippet]) {
      expect(make({ ...model, preprocessing: scaled })).toContain('Measured with x * (1 / 255).')
    }
    expect(nodeSnippet({ ...model, preprocessing: { ...array, mean: [0], std: [1] } })).not.toContain('mean')
    expect(nodeSnippet({ ...model, preprocessing: null })).not.toContain('sharp')
  })

  it('prints plain outputs of what is no classifier', () => {
    expect(nodeSnippet({ ...model, classes: [] })).not.toContain('classes')
  })
})

describe('the other languages', () => {
  it('Python names the filter, the layout and all outputs', () => {
    const code = pythonSnippet(model)
    expect(code).toContain('ImageOps.fit(image, (229, 256), Image.Resampling.BILINEAR)')
    expect(code).toContain('x.transpose(2, 0, 1)[None]')
    expect(code).toContain('"threshold": np.zeros((), np.int64),')
    expect(code).toContain('classes = ["cat","dog"]')
  })

  it('C# has a tensor of the right type for every input', () => {
    const code = csharpSnippet(model)
    expect(code).toContain('new DenseTensor<float>(Prepare(args[0]), new[] { 1, 3, 224, 200 })')
    expect(code).toContain('new DenseTensor<long>(new long[1], new int[0])')
    expect(code).toContain('ResizeMode.Crop')
  })

  it('the browser draws the picture so that its middle is cropped', () => {
    const code = browserSnippet(model)
    expect(code).toContain('new OffscreenCanvas(200, 224)')
    expect(code).toContain('Math.max(229 / image.width, 256 / image.height)')
    expect(code).toContain('pixels[i * 4 + c]')
  })
})

describe('preprocessingText', () => {
  it('says in one line what is done, in order', () => {
    expect(preprocessingText(image)).toBe(
      'rgb picture cropped to 200 × 224, ÷ 255, − [0.485, 0.456, 0.406], ÷ [0.229, 0.224, 0.225], NCHW',
    )
    expect(preprocessingText({ kind: 'array', scale: 1, mean: [0], std: [1] })).toBe('values as they are')
  })
})
