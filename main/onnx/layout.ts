/** Where each weight lies in an external data file. */
import { create } from '@bufbuild/protobuf'
import type { TensorProto } from 'onnx-buf'
import { StringStringEntryProtoSchema, TensorProto_DataLocation, TensorProto_DataType } from 'onnx-buf'
import type { Model } from './model'
import { withoutMark } from './paged'
import { payloadKey } from './payload'
import { shallow } from './shallow'
import { isExternal, tensorByteLength } from './tensor'
import { initializerTensors } from './walk'

/** Smaller tensors stay in the message: ORT reads shapes and axes from there. */
const EXTERNAL_FROM = 1024
/** Large weights start on a page, so that they can be mapped into memory; others on a cache line. */
const PAGE = 4096
const LINE = 64
const LARGE = 1 << 20

export interface Place {
  location: string
  offset: number
  length: number
}

/** Places of all initializers (subgraphs' too) of 1 kB or more, in file order; shared payloads share a place. */
export function assignPlaces(model: Model, location: string): Map<TensorProto, Place> {
  const places = new Map<TensorProto, Place>()
  const shared = new Map<unknown, Place>()
  let end = 0
  initializerTensors(model.graph.proto, tensor => {
    if (tensor.dataType === TensorProto_DataType.STRING) return
    const length = tensorByteLength(tensor)
    if (length < EXTERNAL_FROM) return
    const key = payloadKey(tensor)
    const known = shared.get(key)
    if (known) {
      places.set(tensor, known)
      return
    }
    const step = length >= LARGE ? PAGE : LINE
    const place = { location, offset: Math.ceil(end / step) * step, length }
    end = place.offset + length
    shared.set(key, place)
    places.set(tensor, place)
  })
  return places
}

/** The tensor with its payload at `place`. */
export function placedTensor(tensor: TensorProto, place: Place): TensorProto {
  const copy = shallow(isExternal(tensor) ? withoutMark(tensor) : tensor)
  for (const field of ['floatData', 'int32Data', 'int64Data', 'doubleData', 'uint64Data'] as const)
    copy[field] = []
  Reflect.deleteProperty(copy, 'rawData')
  const entries = { location: place.location, offset: String(place.offset), length: String(place.length) }
  copy.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  )
  copy.dataLocation = TensorProto_DataLocation.EXTERNAL
  return copy
}
