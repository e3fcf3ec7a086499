/**
 * A graph as boxes: nodes that follow one another without a branch share a box, one row each. A network of a thousand
 * nodes is a few hundred boxes, every value of it still in sight, and laid out in a fraction of the time.
 */
import type { GraphNode, GraphView } from '../../../shared/training'

export interface Box {
  id: string
  kind: 'nodes' | 'input' | 'output'
  /** In the order they run; one for an input or output. */
  rows: readonly BoxRow[]
}

export interface BoxRow {
  /** Null for the model's own inputs and outputs. */
  node: GraphNode | null
  title: string
  shape: readonly (number | string)[] | null
}

export interface BoxEdge {
  id: string
  from: string
  to: string
}

export interface Boxes {
  boxes: Box[]
  edges: BoxEdge[]
  /** Where a node is: its box, and its row there. */
  placeOf: ReadonlyMap<string, { box: string; row: number }>
}

/** Longer chains go on in a box of their own: what is out of sight is not drawn, box by box. */
const MOST_ROWS = 14

export const ROW_HEIGHT = 22
export const BOX_WIDTH = 272

export function boxHeight(box: Pick<Box, 'rows'>): number {
  return box.rows.length * ROW_HEIGHT + 2
}

interface Links {
  /** Nodes (by index) and model inputs (by name) that a node reads from, each once. */
  sources: (number | string)[][]
  /** Nodes that read from a node, each once. */
  readers: Set<number>[]
}

function linksOf({ nodes, inputs }: GraphView): Links {
  const makers = new Map(nodes.flatMap((n, i) => n.outputs.map(o => [o.name, i] as const)))
  const given = new Set(inputs.map(i => i.name))
  const readers = nodes.map(() => new Set<number>())
  const sources = nodes.map((node, at) => {
    const found = new Set<number | string>()
    for (const name of node.inputs) {
      const maker = makers.get(name)
      if (maker !== undefined) {
        found.add(maker)
        readers[maker]?.add(at)
      } else if (given.has(name)) found.add(name)
    }
    return [...found]
  })
  return { sources, readers }
}

/** Boxes and the edges between them; nodes come in the order they run. */
export function boxesOf(graph: GraphView): Boxes {
  const { nodes, inputs, outputs } = graph
  const { sources, readers } = linksOf(graph)
  const shown = new Set(outputs.map(o => o.name))
  const leaves = nodes.map(n => n.outputs.some(o => shown.has(o.name)))
  const boxes: { id: string; kind: Box['kind']; rows: BoxRow[]; last: number }[] = inputs.map(input => ({
    id: `input ${input.name}`,
    kind: 'input',
    rows: [{ node: null, title: input.name, shape: input.shape }],
    last: -1,
  }))
  const boxOf: number[] = []
  const rowOf: number[] = []
  nodes.forEach((node, i) => {
    const [source, ...others] = sources[i] ?? []
    const before = typeof source === 'number' && others.length === 0 ? source : null
    const box = before === null ? undefined : boxes[boxOf[before] ?? -1]
    const row: BoxRow = { node, title: node.name, shape: node.outputs[0]?.shape ?? null }
    const follows =
      box !== undefined &&
      before !== null &&
      box.last === before &&
      readers[before]?.size === 1 &&
      !leaves[before] &&
      box.rows.length < MOST_ROWS
    if (follows) {
      box.rows.push(row)
      box.last = i
      boxOf[i] = boxOf[before] ?? 0
    } else {
      boxOf[i] = boxes.length
      boxes.push({ id: `box ${node.id}`, kind: 'nodes', rows: [row], last: i })
    }
    rowOf[i] = (boxes[boxOf[i] ?? 0]?.rows.length ?? 1) - 1
  })
  const idOf = (i: number) => boxes[boxOf[i] ?? 0]?.id ?? ''
  const edges = new Map<string, BoxEdge>()
  const link = (from: string, to: string) => {
    if (from !== to) edges.set(`${from} → ${to}`, { id: `${from} → ${to}`, from, to })
  }
  sources.forEach((list, i) => {
    for (const source of list) link(typeof source === 'number' ? idOf(source) : `input ${source}`, idOf(i))
  })
  const ends = outputs.map(output => {
    const maker = nodes.findIndex(n => n.outputs.some(o => o.name === output.name))
    const id = `output ${output.name}`
    if (maker >= 0) link(idOf(maker), id)
    else if (inputs.some(i => i.name === output.name)) link(`input ${output.name}`, id)
    return { id, kind: 'output' as const, rows: [{ node: null, title: output.name, shape: output.shape }] }
  })
  return {
    boxes: [...boxes.map(({ id, kind, rows }) => ({ id, kind, rows })), ...ends],
    edges: [...edges.values()],
    placeOf: new Map(nodes.map((n, i) => [n.id, { box: idOf(i), row: rowOf[i] ?? 0 }])),
  }
}
