/** Declares the operator sets of nodes that were added to a model. */
import { create } from '@bufbuild/protobuf'
import { OperatorSetIdProtoSchema } from 'onnx-buf'
import { type Model, normalDomain } from '../../onnx/model'

/** Version 1 of each domain that a node has and the model does not import, in place. */
export function importDomains({ proto, graph }: Model): void {
  const known = new Set(proto.opsetImport.map(o => normalDomain(o.domain)))
  for (const { domain } of graph.nodes) {
    if (known.has(normalDomain(domain))) continue
    known.add(domain)
    proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain, version: 1n }))
  }
}
