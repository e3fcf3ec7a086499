import { describe, expect, it } from 'vitest'
import { checkArrayOptions, preprocessArray } from './array'
import { fitShape } from './shape'
import { floatInput } from './testing'
import { toType } from './values'

const at = (i: number) => `Sample 0: value ${i} of x`

describe('toType', () => {
  it('rounds doubles to half precision once, as numpy does', () => {
    const values = [
      0.1257302210933933, -0.1321048632913019, -2.3250307746388343, 1.00048828125, 1.0004882812509095,
      1.00146484375, 1.0014648437490905, 65519.99, 6.1e-5, 2.9802322387695312e-8, 2.980232241749764e-8, 1e-7,
      -0,
    ]
    const bits = [12294, 45114, 49318, 15360, 15361, 15362, 15361, 31743, 1023, 0, 1, 2, 32768]
    expect(toType(Float64Array.from(values), 'float16', at)).toEqual(Uint16Array.from(bits))
  })

  it('refuses what an integer type cannot hold', () => {
    expect(() => toType(Float64Array.of(1, 2.5), 'int32', at)).toThrow(
      "Sample 0: value 1 of x is 2.5, which the model's type int32 cannot hold.",
    )
    expect(() => toType(Float64Array.of(256), 'uint8', at)).toThrow('is 256')
    expect(() => toType(Float64Array.of(Number.NaN), 'int64', at)).toThrow('is NaN')
    expect(() => toType(Float64Array.of(70_000), 'float16', at)).toThrow('is 70000')
    expect(toType(Float64Array.of(-128, 127), 'int8', at)).toEqual(Int8Array.of(-128, 127))
    expect(toType(Float64Array.of(2 ** 40), 'int64', at)).toEqual(BigInt64Array.of(2n ** 40n))
  })
})

describe('preprocessArray', () => {
  it('scales first, then normalises along the last axis', () => {
    const options = { kind: 'array' as const, scale: 2, mean: [1, 3], std: [4] }
    expect([...preprocessArray([1, 2, 3, 4], options)]).toEqual([0.25, 0.25, 1.25, 1.25])
    expect(() => checkArrayOptions(options, [2, 3], 'x')).toThrow(
      'mean has 2 values; the last axis of x has 3.',
    )
  })
})

describe('fitShape', () => {
  const shapeOf = (sample: number[], ...wanted: (number | string)[]) =>
    fitShape(sample, floatInput(['N', ...wanted]), 'Array x')

  it('fits symbolic dimensions, missing axes of one, and flat samples', () => {
    expect(shapeOf([3, 5, 7], 3, 'h', 'w')).toEqual({ shape: [3, 5, 7], reshaped: false })
    expect(shapeOf([28, 28], 1, 28, 28)).toEqual({ shape: [1, 28, 28], reshaped: true })
    expect(shapeOf([28, 28], 'c', 28, 28)).toEqual({ shape: [1, 28, 28], reshaped: true })
    expect(shapeOf([28, 28, 1], 1, 28, 28)).toEqual({ shape: [1, 28, 28], reshaped: true })
    expect(shapeOf([1, 10], 10)).toEqual({ shape: [10], reshaped: true })
    expect(shapeOf([784], 1, 28, 28)).toEqual({ shape: [1, 28, 28], reshaped: true })
    expect(shapeOf([28, 28], 784)).toEqual({ shape: [784], reshaped: true })
    expect(shapeOf([], 1)).toEqual({ shape: [1], reshaped: true })
    expect(shapeOf([])).toEqual({ shape: [], reshaped: false })
  })

  it('says what does not fit', () => {
    expect(() => shapeOf([32, 32], 1, 28, 28)).toThrow(
      "Array x holds samples of shape [32, 32]; the model's input input wants [1, 28, 28].",
    )
    expect(() => shapeOf([3, 32, 32], 32, 32, 3)).toThrow(
      "Array x holds channels first (NCHW), [3, 32, 32]; the model's input input wants channels last (NHWC), [32, 32, 3].",
    )
    expect(() => shapeOf([5, 4], 'a', 'b', 3)).toThrow('[5, 4]')
  })
})
