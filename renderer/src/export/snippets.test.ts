import { describe, expect, it } from 'vitest'
import { preprocessingText } from './SnippetPanel'

describe('preprocessingText', () => {
  it('says in one line what is done, in order', () => {
    expect(
      preprocessingText({
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
      }),
    ).toBe('rgb picture cropped to 200 × 224, ÷ 255, − [0.485, 0.456, 0.406], ÷ [0.229, 0.224, 0.225], NCHW')
    expect(preprocessingText({ kind: 'array', scale: 1, mean: [0], std: [1] })).toBe('values as they are')
  })
})
