/**
 * The main graph of a model with producers and consumers indexed, the index kept true through every edit.
 * Edit through these methods only. Subgraphs (If, Loop, Scan) are carried along untouched; names they take from the
 * outer graph count as uses.
 */
import type { GraphProto, ModelProto, NodeProto, TensorProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'

/** A place where a value is read. `index` is the input position; -1 when a subgraph of the node reads it. */
export interface Use {
  node: NodeProto
  index: number
}

export class Graph {
  readonly proto: GraphProto
  private readonly producers = new Map<string, NodeProto>()
  private readonly readers = new Map<string, Use[]>()
  private readonly tensors = new Map<string, TensorProto>()
  private readonly names = new Set<string>()

  constructor(model: ModelProto) {
    if (!model.graph) throw new BantamError('bad-model', 'The file holds no graph.')
    this.proto = model.graph
    for (const tensor of this.proto.initializer) this.tensors.set(tensor.name, tensor)
    for (const value of [...this.proto.input, ...this.proto.output]) this.names.add(value.name)
    for (const name of this.tensors.keys()) this.names.add(name)
    for (const node of this.proto.node) this.index(node)
  }

  get nodes(): readonly NodeProto[] {
    return this.proto.node
  }

  get inputNames(): string[] {
    return this.proto.input.map(v => v.name).filter(name => !this.tensors.has(name))
  }

  get outputNames(): string[] {
    return this.proto.output.map(v => v.name)
  }

  producer(value: string): NodeProto | undefined {
    return this.producers.get(value)
  }

  /** Every place that reads the value, subgraphs included; graph outputs are not in it (see `isOutput`). */
  uses(value: string): readonly Use[] {
    return this.readers.get(value) ?? []
  }

  initializer(value: string): TensorProto | undefined {
    return this.tensors.get(value)
  }

  initializers(): IterableIterator<TensorProto> {
    return this.tensors.values()
  }

  isInput(value: string): boolean {
    return this.proto.input.some(v => v.name === value)
  }

  isOutput(value: string): boolean {
    return this.proto.output.some(v => v.name === value)
  }

  /** A name nothing in the model has yet, starting with `base`; reserved from then on. */
  freshName(base: string): string {
    let name = base
    for (let i = 1; this.names.has(name); i++) name = `${base}_${i}`
    this.names.add(name)
    return name
  }

  /** Adds a node before `anchor` (at the end when absent). The caller keeps the order topological, or calls `sort`. */
  add(node: NodeProto, anchor?: NodeProto): void {
    const at = anchor ? this.proto.node.indexOf(anchor) : -1
    if (at < 0) this.proto.node.push(node)
    else this.proto.node.splice(at, 0, node)
    this.index(node)
  }

  /** Removes nodes; what reads their outputs must have been rewired before. */
  remove(nodes: Iterable<NodeProto>): void {
    const gone = new Set(nodes)
    for (const node of gone) this.unindex(node)
    this.proto.node = this.proto.node.filter(node => !gone.has(node))
  }

  setInput(node: NodeProto, index: number, value: string): void {
    this.unindex(node)
    while (node.input.length <= index) node.input.push('')
    node.input[index] = value
    this.index(node)
  }

  setOutput(node: NodeProto, index: number, value: string): void {
    this.unindex(node)
    node.output[index] = value
    this.index(node)
  }

  /** Makes every node that reads `from` read `to`, subgraphs excepted (returns false when one reads it). */
  replaceUses(from: string, to: string, only?: (use: Use) => boolean): boolean {
    const uses = [...this.uses(from)].filter(only ?? (() => true))
    if (uses.some(use => use.index < 0)) return false
    for (const use of uses) this.setInput(use.node, use.index, to)
    return true
  }

  setInitializer(tensor: TensorProto): void {
    const known = this.tensors.get(tensor.name)
    if (known) this.proto.initializer[this.proto.initializer.indexOf(known)] = tensor
    else this.proto.initializer.push(tensor)
    this.tensors.set(tensor.name, tensor)
    this.names.add(tensor.name)
  }

  /** Removes initializers nothing reads and no output shows; returns their names. */
  removeUnusedInitializers(): string[] {
    const unused = [...this.tensors.keys()].filter(
      name => this.uses(name).length === 0 && !this.isOutput(name),
    )
    const gone = new Set(unused)
    this.proto.initializer = this.proto.initializer.filter(t => !gone.has(t.name))
    this.proto.input = this.proto.input.filter(v => !gone.has(v.name))
    for (const name of unused) this.tensors.delete(name)
    return unused
  }

  /** Puts nodes in topological order, keeping the present order where it is free. Throws `bad-model` on a cycle. */
  sort(): void {
    this.proto.node = this.topological()
  }

  /** Nodes in topological order. Throws `bad-model` naming a node on the cycle. */
  topological(): NodeProto[] {
    const order: NodeProto[] = []
    const waiting = new Map<NodeProto, number>()
    const ready: NodeProto[] = []
    const position = new Map(this.proto.node.map((node, i) => [node, i]))
    for (const node of this.proto.node) {
      const sources = new Set(nodeReads(node).flatMap(name => this.producers.get(name) ?? []))
      waiting.set(node, sources.size)
    }
    // A node is taken as soon as all before it in the list that it needs are taken: the present order survives.
    const dependants = new Map<NodeProto, Set<NodeProto>>()
    for (const node of this.proto.node) {
      for (const name of nodeReads(node)) {
        const source = this.producers.get(name)
        if (!source) continue
        const set = dependants.get(source) ?? new Set()
        dependants.set(source, set.add(node))
      }
    }
    for (const node of this.proto.node) if (waiting.get(node) === 0) ready.push(node)
    const later = (a: NodeProto, b: NodeProto) => (position.get(b) ?? 0) - (position.get(a) ?? 0)
    ready.sort(later)
    for (let node = ready.pop(); node; node = ready.pop()) {
      order.push(node)
      for (const next of dependants.get(node) ?? []) {
        const left = (waiting.get(next) ?? 0) - 1
        waiting.set(next, left)
        if (left === 0) insertSorted(ready, next, later)
      }
    }
    if (order.length < this.proto.node.length) {
      const done = new Set(order)
      const stuck = this.proto.node.find(node => !done.has(node))
      throw new BantamError('bad-model', 'The graph has a cycle.', { where: stuck && describeNode(stuck) })
    }
    return order
  }

  private index(node: NodeProto): void {
    for (const output of node.output) {
      if (!output) continue
      const other = this.producers.get(output)
      if (other && other !== node) {
        throw new BantamError('bad-model', `Two nodes produce ${output}.`, {
          where: `${describeNode(other)} and ${describeNode(node)}`,
        })
      }
      this.producers.set(output, node)
      this.names.add(output)
    }
    const read = (name: string, index: number) => {
      const uses = this.readers.get(name)
      if (uses) uses.push({ node, index })
      else this.readers.set(name, [{ node, index }])
    }
    node.input.forEach((name, i) => {
      if (name) read(name, i)
    })
    for (const name of subgraphReads(node)) read(name, -1)
    if (node.name) this.names.add(node.name)
    // A name of a subgraph must not be hidden by one around it.
    for (const { g, graphs } of node.attribute)
      for (const graph of g ? [g, ...graphs] : graphs)
        for (const name of innerNames(graph)) this.names.add(name)
  }

  private unindex(node: NodeProto): void {
    for (const output of node.output) if (this.producers.get(output) === node) this.producers.delete(output)
    for (const name of nodeReads(node)) {
      const uses = this.readers.get(name)?.filter(use => use.node !== node) ?? []
      if (uses.length > 0) this.readers.set(name, uses)
      else this.readers.delete(name)
    }
  }
}

function insertSorted<T>(list: T[], item: T, compare: (a: T, b: T) => number): void {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = list[middle]
    if (other !== undefined && compare(other, item) <= 0) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, item)
}

/** Names a node reads: its inputs, and what its subgraphs take from outside. */
export function nodeReads(node: NodeProto): string[] {
  return [...node.input.filter(name => name !== ''), ...subgraphReads(node)]
}

/** Names that the subgraphs of a node take from the graphs around them. */
export function subgraphReads(node: NodeProto): string[] {
  const free = new Set<string>()
  for (const attribute of node.attribute) {
    for (const graph of [attribute.g, ...attribute.graphs])
      if (graph) for (const name of freeNames(graph)) free.add(name)
  }
  return [...free]
}

/** Every value name made in a graph and its subgraphs. */
function innerNames(graph: GraphProto): string[] {
  const inner = graph.node.flatMap(node =>
    node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs).flatMap(innerNames)),
  )
  const own = [...graph.input, ...graph.initializer].map(value => value.name)
  return [...own, ...graph.node.flatMap(node => node.output), ...inner]
}

function freeNames(graph: GraphProto): Set<string> {
  const own = new Set<string>([
    ...graph.input.map(v => v.name),
    ...graph.initializer.map(t => t.name),
    ...graph.sparseInitializer.flatMap(t => t.values?.name ?? []),
    ...graph.node.flatMap(n => n.output),
  ])
  const read = [...graph.node.flatMap(nodeReads), ...graph.output.map(v => v.name)]
  return new Set(read.filter(name => name !== '' && !own.has(name)))
}

/** How a node is named in messages: `Conv /layer1/conv`, or by its first output when it has no name. */
export function describeNode(node: NodeProto): string {
  return `${node.opType} ${node.name || `→ ${node.output[0] ?? '?'}`}`
}
