/** Places for the boxes of a graph, found by ELK in a worker: the screen stays free meanwhile. */
import ELK, { type ELK as Elk, type ElkNode } from 'elkjs/lib/elk-api'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import type { GraphView } from '../../../shared/training'
import { BOX_WIDTH, type Boxes, boxHeight } from './boxes'

export interface Point {
  x: number
  y: number
}

export interface Layout {
  width: number
  height: number
  /** Upper left corner of each box. */
  boxes: ReadonlyMap<string, Point>
  /** Bends of each edge, its ends included. */
  edges: ReadonlyMap<string, readonly Point[]>
}

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
  'elk.layered.nodePlacement.bk.fixedAlignment': 'BALANCED',
  'elk.layered.considerModelOrder.strategy': 'PREFER_EDGES',
  'elk.layered.spacing.nodeNodeBetweenLayers': '26',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '14',
}

/** Crossings are minimized less thoroughly where that would take seconds. */
const LARGE = 250

let elk: Elk | null = null

/** One worker serves every graph; it is made when the first one is drawn. */
function engine(): Elk {
  elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) })
  return elk
}

const known = new WeakMap<GraphView, Promise<Layout>>()

/** Places for a graph; found once. Throws where there are no workers, or the worker cannot be loaded. */
export function layOut(graph: GraphView, boxes: Boxes): Promise<Layout> {
  const found = known.get(graph) ?? place(boxes)
  known.set(graph, found)
  return found
}

async function place({ boxes, edges }: Boxes): Promise<Layout> {
  const root = await engine().layout({
    id: 'root',
    layoutOptions: { ...OPTIONS, 'elk.layered.thoroughness': boxes.length > LARGE ? '2' : '7' },
    children: boxes.map(box => ({ id: box.id, width: BOX_WIDTH, height: boxHeight(box) })),
    edges: edges.map(({ id, from, to }) => ({ id, sources: [from], targets: [to] })),
  })
  return readLayout(root)
}

/** What ELK answered, as points. */
export function readLayout(root: ElkNode): Layout {
  return {
    width: root.width ?? 0,
    height: root.height ?? 0,
    boxes: new Map((root.children ?? []).map(c => [c.id, { x: c.x ?? 0, y: c.y ?? 0 }])),
    edges: new Map(
      (root.edges ?? []).map(edge => [
        edge.id,
        (edge.sections ?? []).flatMap(s => [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]),
      ]),
    ),
  }
}

/** A path along the points with rounded bends, for SVG. */
export function pathThrough(points: readonly Point[], radius = 6): string {
  const [first, ...rest] = points
  if (!first) return ''
  const parts = [`M${first.x},${first.y}`]
  rest.forEach((at, i) => {
    const before = points[i] ?? first
    const after = rest[i + 1]
    if (!after) {
      parts.push(`L${at.x},${at.y}`)
      return
    }
    const [into, out] = [towards(at, before, radius), towards(at, after, radius)]
    parts.push(`L${into.x},${into.y}Q${at.x},${at.y} ${out.x},${out.y}`)
  })
  return parts.join('')
}

/** The point `radius` away from a bend, but at most half way to the next one. */
function towards(from: Point, to: Point, radius: number): Point {
  const distance = Math.hypot(to.x - from.x, to.y - from.y)
  const share = distance === 0 ? 0 : Math.min(radius, distance / 2) / distance
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share }
}
