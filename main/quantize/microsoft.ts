/** ONNX Runtime's own operators (github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md). */
import type { Model } from '../onnx/model'

/** Their domain. */
export const MICROSOFT = 'com.microsoft'

/** Makes a model know them. */
export function importMicrosoft(model: Model): void {
  if (model.opset(MICROSOFT) > 0) return
  const [first] = model.proto.opsetImport
  if (first) model.proto.opsetImport.push({ ...first, domain: MICROSOFT, version: 1n })
}
