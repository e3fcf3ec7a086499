/** Where the bytes of a model's files are: why a file did not shrink is asked of every quantization. */
import type { ModelSummary } from '../../shared/domain'
import type { Model } from '../onnx/model'
import { dataTypeName, tensorByteLength } from '../onnx/tensor'
import { eachTensor } from '../onnx/walk'

/**
 * Bytes of the tensors by element type, subgraphs included, the most first. What the files hold beyond is the graph:
 * nodes, names, metadata. Shared external data count as often as they are named.
 */
export function contentOf(model: Model): NonNullable<ModelSummary['content']> {
  const byType = new Map<string, { tensors: number; bytes: number }>()
  eachTensor(model.proto, tensor => {
    const type = dataTypeName(tensor.dataType)
    const { tensors, bytes } = byType.get(type) ?? { tensors: 0, bytes: 0 }
    byType.set(type, { tensors: tensors + 1, bytes: bytes + tensorByteLength(tensor) })
  })
  return [...byType].map(([type, held]) => ({ type, ...held })).sort((a, b) => b.bytes - a.bytes)
}
