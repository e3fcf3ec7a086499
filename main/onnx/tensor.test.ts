import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { floatToHalf, toNumbers } from '../runtime/tensor'
import { dataTypeName, dataTypeOf, makeTensor, tensorByteLength, tensorBytes, tensorValues } from './tensor'

describe('tensorValues', () => {
  it.each([
    ['float32', [1.5, -2, 0.25]],
    ['float64', [1.1, -2, 3e300]],
    ['int8', [-128, 0, 127]],
    ['uint8', [0, 7, 255]],
    ['int16', [-32768, 1, 32767]],
    ['uint16', [0, 1, 65535]],
    ['int32', [-(2 ** 31), 0, 2 ** 31 - 1]],
    ['uint32', [0, 1, 2 ** 32 - 1]],
    ['int64', [-5, 0, 2 ** 40]],
    ['uint64', [0, 5, 2 ** 40]],
    ['bool', [1, 0, 1]],
    ['float16', [1.5, -0.25, 1024]],
    ['bfloat16', [1.5, -0.25, 1024]],
    ['int4', [-8, 0, 7]],
    ['uint4', [0, 9, 15]],
  ] as const)('%s comes back as it was put in', (type, values) => {
    const tensor = makeTensor('t', type, [3], values)
    expect(dataTypeName(tensor.dataType)).toBe(type)
    expect(tensor.rawData.byteLength).toBe(tensorByteLength(tensor))
    expect([...toNumbers(tensorValues(tensor, null))]).toEqual([...values])
  })

  it('reads strings', () => {
    const tensor = makeTensor('t', 'string', [2], ['Bär', ''])
    expect(tensorValues(tensor, null)).toEqual({ type: 'string', dims: [2], data: ['Bär', ''] })
  })

  it('reads the typed fields as it reads raw data', () => {
    const half = makeTensor('t', 'float16', [2], [1.5, -3])
    half.rawData = new Uint8Array(0)
    half.int32Data = [floatToHalf(1.5), floatToHalf(-3)]
    expect([...toNumbers(tensorValues(half, null))]).toEqual([1.5, -3])
    const bytes = makeTensor('t', 'int8', [2], [-1, 5])
    bytes.rawData = new Uint8Array(0)
    bytes.int32Data = [-1, 5]
    expect([...toNumbers(tensorValues(bytes, null))]).toEqual([-1, 5])
    const long = makeTensor('t', 'int64', [2], [-1, 5])
    long.rawData = new Uint8Array(0)
    long.int64Data = [-1n, 5n]
    expect([...toNumbers(tensorValues(long, null))]).toEqual([-1, 5])
    const packed = makeTensor('t', 'int4', [3], [0, 0, 0])
    packed.rawData = new Uint8Array(0)
    packed.int32Data = [0x7f, 0x08]
    expect([...toNumbers(tensorValues(packed, null))]).toEqual([-1, 7, -8])
  })

  it('reads a payload that does not lie on its boundary', () => {
    const tensor = makeTensor('t', 'float64', [2], [1, 2])
    const shifted = new Uint8Array(17)
    shifted.set(tensor.rawData, 1)
    tensor.rawData = shifted.subarray(1)
    expect([...toNumbers(tensorValues(tensor, null))]).toEqual([1, 2])
  })

  it('rounds bfloat16 to nearest even, as the hardware does', () => {
    const bits = (value: number) => tensorBytes(makeTensor('t', 'bfloat16', [1], [value]), null)
    expect([...bits(1 + 1 / 256)]).toEqual([0x80, 0x3f])
    expect([...bits(1 + 3 / 256)]).toEqual([0x82, 0x3f])
    expect([...bits(Number.NaN)]).toEqual([0xc0, 0x7f])
  })

  it('shares the bytes it is given', () => {
    const data = Float32Array.of(1, 2)
    expect(makeTensor('t', 'float32', [2], data).rawData.buffer).toBe(data.buffer)
  })

  it('packs 4-bit values of any number', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -8, max: 7 }), { maxLength: 20 }), values => {
        const tensor = makeTensor('t', 'int4', [values.length], values)
        expect(tensor.rawData.byteLength).toBe(Math.ceil(values.length / 2))
        expect([...toNumbers(tensorValues(tensor, null))]).toEqual(values)
      }),
    )
  })

  it('refuses data that does not fill the dimensions, and types it does not have', () => {
    expect(() => makeTensor('t', 'float32', [3], [1, 2])).toThrow('Tensor t of [3] needs 12, got 8.')
    const tensor = makeTensor('t', 'float32', [2], [1, 2])
    tensor.dims = [3n]
    expect(() => tensorBytes(tensor, null)).toThrow(
      'Tensor t has 8 bytes of data, but [3] of float32 needs 12.',
    )
    expect(() => dataTypeOf('float33')).toThrow('There is no element type float33.')
    tensor.dims = [1n]
    tensor.dataType = dataTypeOf('complex64')
    expect(() => tensorValues(tensor, null)).toThrow(
      'Tensor t is complex64, which cannot be read as numbers.',
    )
  })
})
