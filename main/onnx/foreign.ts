/** Operators that ONNX Runtime does not bring itself. */
import type { GraphProto, ModelProto, NodeProto } from 'onnx-buf'
import { nodeReads } from './graph'
import { type Model, normalDomain } from './model'
import { shallow } from './shallow'
import { eachNode } from './walk'

/** Domains ORT itself brings, beside ai.onnx. */
const KNOWN_DOMAINS = /^(|ai\.onnx\.(ml|preview.*|training)|com\.microsoft(\..*)?|com\.ms\..*)$/

/** Domains of the operators that neither ORT brings nor the model defines as functions, sorted. */
export function foreignDomains(model: Model): string[] {
  const own = new Set(model.proto.functions.map(f => normalDomain(f.domain)))
  const domains = new Set<string>()
  eachNode(model.graph.proto, node => domains.add(normalDomain(node.domain)))
  return [...domains].filter(domain => !KNOWN_DOMAINS.test(domain) && !own.has(domain)).sort()
}

/**
 * The model cut at its foreign operators: their results become inputs where the file declares their types; what
 * depends on one it does not declare is left out. For inference only.
 */
export function withoutForeign(proto: ModelProto, domains: readonly string[]): ModelProto {
  const source = proto.graph as GraphProto
  const graph = shallow(source)
  const declared = new Map([...source.valueInfo, ...source.output].map(v => [v.name, v]))
  const known = new Set([...source.input.map(v => v.name), ...source.initializer.map(t => t.name)])
  const cut = [...source.input]
  const nodes: NodeProto[] = []
  for (const node of source.node) {
    if (holdsForeign(node, domains)) {
      for (const name of node.output) {
        const value = declared.get(name)
        if (!value?.type) continue
        cut.push(value)
        known.add(name)
      }
    } else if (nodeReads(node).every(name => known.has(name))) {
      nodes.push(node)
      for (const name of node.output) known.add(name)
    }
  }
  const produced = new Set(nodes.flatMap(node => node.output))
  graph.input = cut
  graph.node = nodes
  graph.output = source.output.filter(v => produced.has(v.name))
  graph.valueInfo = source.valueInfo.filter(v => produced.has(v.name))
  const copy = shallow(proto)
  copy.graph = graph
  return copy
}

function holdsForeign(node: NodeProto, domains: readonly string[]): boolean {
  if (domains.includes(normalDomain(node.domain))) return true
  let found = false
  for (const { g } of node.attribute) {
    if (g) eachNode(g, inner => (found ||= domains.includes(normalDomain(inner.domain))))
  }
  return found
}
