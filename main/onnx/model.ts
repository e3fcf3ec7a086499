/** An ONNX model in memory: the protobuf message itself, its indexed graph, and where its external data lies. */
import type { ModelProto } from 'onnx-buf'
import { Graph } from './graph'

export class Model {
  readonly graph: Graph

  /**
   * @param proto the message; unknown fields are kept
   * @param directory folder against which external data is resolved; null for models without any
   */
  constructor(
    readonly proto: ModelProto,
    readonly directory: string | null,
  ) {
    this.graph = new Graph(proto)
  }

  /** Version of an operator set; 0 when the model does not import it. '' is ai.onnx. */
  opset(domain = ''): number {
    const entry = this.proto.opsetImport.find(o => normalDomain(o.domain ?? '') === normalDomain(domain))
    return Number(entry?.version ?? 0n)
  }
}

/** 'ai.onnx' and '' name the same operator set. */
export function normalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}
