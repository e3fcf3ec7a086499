/**
 * Tensors as .npy files, version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html):
 * magic, header length, a Python dictionary padded so that the data starts at a multiple of 64, little-endian data.
 */
import { BantamError } from '../../../shared/errors'
import type { ElementType, Tensor } from '../../runtime/tensor'

const DTYPES: Record<Exclude<ElementType, 'string'>, string> = {
  float32: '<f4',
  float64: '<f8',
  float16: '<f2',
  int8: '|i1',
  uint8: '|u1',
  int16: '<i2',
  uint16: '<u2',
  int32: '<i4',
  uint32: '<u4',
  int64: '<i8',
  uint64: '<u8',
  bool: '|b1',
}

/** Throws `unsupported` for text. */
export function encodeNpy(tensor: Tensor): Uint8Array {
  const { type, data, dims } = tensor
  if (type === 'string' || Array.isArray(data)) {
    throw new BantamError('unsupported', 'Text cannot be written as .npy.', {
      action: 'Models with text inputs cannot be bundled.',
    })
  }
  const shape = `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`
  const dictionary = `{'descr': '${DTYPES[type]}', 'fortran_order': False, 'shape': ${shape}, }`
  const padding = 63 - ((10 + dictionary.length) % 64)
  const header = Buffer.from(`${dictionary}${' '.repeat(padding)}\n`, 'latin1')
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8])
  return Buffer.concat([start, header, Buffer.from(data.buffer, data.byteOffset, data.byteLength)])
}
