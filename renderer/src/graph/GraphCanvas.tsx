import '@xyflow/react/dist/base.css'
import {
  ControlButton,
  Controls,
  MiniMap,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from '@xyflow/react'
import { ArrowUpToLine } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import type { ErrorData } from '../../../shared/errors'
import type { GraphView } from '../../../shared/training'
import { ErrorNotice } from '../ui/ErrorNotice'
import { useDark } from '../ui/useDark'
import { BOX_WIDTH, type Boxes, boxesOf, boxHeight, ROW_HEIGHT } from './boxes'
import type { BoxNode, RoutedEdgeType } from './flow-types'
import { GraphBox } from './GraphBox'
import classes from './graph.module.css'
import { type GraphLook, GraphLookContext } from './graph-look'
import { type Layout, layOut } from './layout'
import { RoutedEdge } from './RoutedEdge'

interface GraphCanvasProps {
  label: string
  graph: GraphView
  look: GraphLook
  /** Node to bring into view; another `turn` does it again for the same one. */
  focus?: { node: string; turn: number } | null
  /** A small picture of the whole in the corner. */
  map?: boolean
}

const NODE_TYPES = { box: GraphBox }
const EDGE_TYPES = { routed: RoutedEdge }
const NOTHING: never[] = []

/** A graph one can zoom and move, from its inputs at the top downwards. What can be seen is drawn, and no more. */
export function GraphCanvas(props: GraphCanvasProps) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  )
}

type Placed = { boxes: Boxes; layout: Layout }

function usePlaced(graph: GraphView): { placed: Placed | null; error: ErrorData | null } {
  const boxes = useMemo(() => boxesOf(graph), [graph])
  const [state, setState] = useState<{ of: Boxes; layout: Layout | null; error: ErrorData | null } | null>(
    null,
  )
  useEffect(() => {
    let wanted = true
    layOut(graph, boxes).then(
      layout => wanted && setState({ of: boxes, layout, error: null }),
      (error: unknown) =>
        wanted &&
        setState({
          of: boxes,
          layout: null,
          error: {
            code: 'internal',
            message: 'The graph could not be drawn.',
            where: error instanceof Error ? error.message : String(error),
            action: 'The list beside it holds every node.',
          },
        }),
    )
    return () => {
      wanted = false
    }
  }, [graph, boxes])
  if (state?.of !== boxes) return { placed: null, error: null }
  return { placed: state.layout && { boxes, layout: state.layout }, error: state.error }
}

function Canvas({ label, graph, look, focus, map = false }: GraphCanvasProps) {
  const dark = useDark()
  const { placed, error } = usePlaced(graph)
  const nodes = useMemo(() => (placed ? flowNodes(placed) : NOTHING), [placed])
  const edges = useMemo(() => (placed ? flowEdges(placed) : NOTHING), [placed])
  return (
    <section className={classes.canvas} aria-label={label}>
      {error && (
        <div className={classes.over}>
          <ErrorNotice error={error} />
        </div>
      )}
      {!placed && !error && (
        <div className={classes.over} role="status">
          Placing {graph.nodes.length.toLocaleString('en-US')} nodes…
        </div>
      )}
      {placed && (
        <GraphLookContext value={look}>
          <ReactFlow<BoxNode, RoutedEdgeType>
            nodes={nodes}
            edges={edges}
            nodeTypes={NODE_TYPES}
            edgeTypes={EDGE_TYPES}
            colorMode={dark ? 'dark' : 'light'}
            onlyRenderVisibleElements
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable={false}
            edgesFocusable={false}
            elementsSelectable={false}
            zoomOnDoubleClick={false}
            deleteKeyCode={null}
            selectionKeyCode={null}
            minZoom={0.04}
            maxZoom={1.6}
            aria-label={label}
          >
            <Tools placed={placed} focus={focus ?? null} />
            {map && (
              <MiniMap<BoxNode>
                pannable
                zoomable
                position="bottom-right"
                nodeColor={node => mapColor(node, look)}
                nodeStrokeWidth={0}
                ariaLabel={`Overview of ${label}`}
              />
            )}
          </ReactFlow>
        </GraphLookContext>
      )}
    </section>
  )
}

function mapColor({ data }: BoxNode, look: GraphLook): string {
  const node = data.box.rows[0]?.node
  return node ? look.colorOf(node) : 'var(--bt-border-strong)'
}

const FIRST_ZOOM = 0.9

/** Opens at the inputs and readable, not fitted: a long network fitted to the window is a line. */
function Tools({ placed, focus }: { placed: Placed; focus: GraphCanvasProps['focus'] }) {
  const flow = useReactFlow()
  const width = useStore(s => s.width)
  const ready = width > 0
  function toTop(duration: number) {
    const [first] = placed.boxes.boxes
    const at = (first && placed.layout.boxes.get(first.id)) ?? { x: 0, y: 0 }
    const x = width / 2 - (at.x + BOX_WIDTH / 2) * FIRST_ZOOM
    void flow.setViewport({ x, y: 14 - at.y * FIRST_ZOOM, zoom: FIRST_ZOOM }, { duration })
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each layout
  useEffect(() => {
    if (ready && !focus) toTop(0)
  }, [placed, ready])
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each wish to see a node
  useEffect(() => {
    const place = focus && placed.boxes.placeOf.get(focus.node)
    const at = place && placed.layout.boxes.get(place.box)
    if (!ready || !place || !at) return
    const zoom = Math.max(0.7, flow.getZoom())
    void flow.setCenter(at.x + BOX_WIDTH / 2, at.y + (place.row + 0.5) * ROW_HEIGHT, { zoom, duration: 200 })
  }, [focus?.node, focus?.turn, placed, ready])
  return (
    <Controls showInteractive={false} position="bottom-left" orientation="horizontal">
      <ControlButton title="To the inputs" aria-label="To the inputs" onClick={() => toTop(150)}>
        <ArrowUpToLine aria-hidden />
      </ControlButton>
    </Controls>
  )
}

function flowNodes({ boxes, layout }: Placed): BoxNode[] {
  return boxes.boxes.map(box => {
    const size = { width: BOX_WIDTH, height: boxHeight(box) }
    const end = { width: 1, height: 1, x: BOX_WIDTH / 2 }
    return {
      id: box.id,
      type: 'box',
      data: { box },
      position: layout.boxes.get(box.id) ?? { x: 0, y: 0 },
      ...size,
      measured: size,
      // Given, so that edges to boxes out of sight can be drawn.
      handles: [
        { ...end, type: 'target', position: Position.Top, y: 0 },
        { ...end, type: 'source', position: Position.Bottom, y: size.height },
      ],
    }
  })
}

function flowEdges({ boxes, layout }: Placed): RoutedEdgeType[] {
  return boxes.edges.map(({ id, from, to }) => ({
    id,
    type: 'routed',
    source: from,
    target: to,
    data: { points: layout.edges.get(id) ?? [] },
  }))
}
