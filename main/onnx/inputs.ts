/** What callers feed a model, told from its graph alone: no session is made for it. */
import type { TensorInfo } from '../../shared/domain'
import { valueTensorInfo } from './infer'
import type { Model } from './model'
import { dataTypeName } from './tensor'

/**
 * Declared inputs that no initializer provides, in their order. Symbolic dimensions keep their names ('' when they have
 * none). A tensor of unknown rank has the shape []; what is no tensor is, as in sessions, a `sequence`.
 */
export function modelInputs(model: Model): TensorInfo[] {
  return model.graph.proto.input
    .filter(value => !model.graph.initializer(value.name))
    .map(value => {
      const type = value.type?.value
      const bare = type?.case === 'tensorType' ? dataTypeName(type.value.elemType) : 'sequence'
      return valueTensorInfo(value) ?? { name: value.name, type: bare, shape: [] }
    })
}
