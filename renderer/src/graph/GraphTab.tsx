import { SegmentedControl, Switch } from '@mantine/core'
import { useCallback, useMemo, useState } from 'react'
import type { GraphNode, GraphView } from '../../../shared/training'
import { useQuery } from '../store/query'
import type { TabProps } from '../tab-props'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { colors } from '../ui/theme'
import { Swatch } from '../ui/values'
import { type Change, changesAgainst } from './diff'
import { GraphCanvas } from './GraphCanvas'
import { GraphList } from './GraphList'
import classes from './graph.module.css'
import { type ColorBy, kindColor, kindsIn, nodeColors } from './graph-colors'
import type { GraphLook, GraphMark } from './graph-look'
import { NodeDetails } from './NodeDetails'

/** The model's graph, and beside it the reference's where the two differ. */
export function GraphTab({ variant, reference }: TabProps) {
  const alone = variant.id === reference.id
  const own = useQuery(`graph/${variant.id}/`, c => c.distill.graph({ variant: variant.id }))
  const other = useQuery(alone ? null : `graph/${reference.id}/`, c =>
    c.distill.graph({ variant: reference.id }),
  )
  if (own.error) return <ErrorNotice error={own.error} />
  if (!own.data) return <LoadingBlock height="100%" />
  return (
    <GraphTabView
      own={{ name: variant.name, graph: own.data }}
      other={other.data ? { name: reference.name, graph: other.data } : null}
    />
  )
}

interface Side {
  name: string
  graph: GraphView
}

interface Chosen {
  side: 'own' | 'other'
  node: GraphNode
  turn: number
}

const CHANGE_MARKS: Record<Change, GraphMark> = {
  new: { text: 'new', color: 'var(--bt-better)', quiet: true },
  changed: { text: '≠', color: 'var(--bt-teacher)', quiet: true },
}

function GraphTabView({ own, other }: { own: Side; other: Side | null }) {
  const [by, setBy] = useState<ColorBy>('kind')
  const [both, setBoth] = useState(true)
  const [chosen, setChosen] = useState<Chosen | null>(null)
  const changes = useMemo(
    () => ({
      own: other ? changesAgainst(own.graph.nodes, other.graph.nodes) : new Map<string, Change>(),
      other: other ? changesAgainst(other.graph.nodes, own.graph.nodes) : new Map<string, Change>(),
    }),
    [own, other],
  )
  const differs = changes.own.size > 0 || changes.other.size > 0
  const second = both && differs ? other : null
  const choose = useCallback(
    (side: Chosen['side'], node: GraphNode) => setChosen(old => ({ side, node, turn: (old?.turn ?? 0) + 1 })),
    [],
  )
  const chosenIn = (side: Chosen['side'], graph: GraphView) =>
    chosen && (chosen.side === side ? chosen.node : graph.nodes.find(n => n.name === chosen.node.name))
  const ownNode = chosenIn('own', own.graph)
  const otherNode = other && chosenIn('other', other.graph)
  const ownLook = useLook(own.graph, by, ownNode?.id ?? null, changes.own, node => choose('own', node))
  const otherLook = useLook(second?.graph ?? null, by, otherNode?.id ?? null, changes.other, node =>
    choose('other', node),
  )
  const focusOf = (node: GraphNode | null | undefined) =>
    node && chosen ? { node: node.id, turn: chosen.turn } : null

  return (
    <section className={classes.tab} aria-label="Graph">
      <div className={classes.bar}>
        <SegmentedControl
          aria-label="Colour"
          value={by}
          onChange={value => setBy(value === 'parameters' ? 'parameters' : 'kind')}
          data={[
            { value: 'kind', label: 'Kind' },
            { value: 'parameters', label: 'Parameters' },
          ]}
        />
        {other &&
          (differs ? (
            <Switch
              label={`Beside ${other.name}`}
              checked={both}
              onChange={event => setBoth(event.currentTarget.checked)}
            />
          ) : (
            <span style={{ color: colors.dim }}>Same nodes and shapes as {other.name}</span>
          ))}
        <GraphLegend graph={own.graph} by={by} differs={differs} />
      </div>
      <div className={classes.panes} data-two={second !== null || undefined}>
        <div className={classes.side}>
          <GraphList
            label={`nodes of ${own.name}`}
            nodes={own.graph.nodes}
            look={ownLook}
            onCursor={node => choose('own', node)}
          />
        </div>
        {second && (
          <Pane
            side="reference"
            name={second.name}
            graph={second.graph}
            look={otherLook}
            focus={focusOf(otherNode)}
          />
        )}
        <Pane
          side="variant"
          name={second ? own.name : null}
          graph={own.graph}
          look={ownLook}
          focus={focusOf(ownNode)}
        />
      </div>
      {chosen && (
        <NodeDetails
          node={chosen.node}
          twin={(chosen.side === 'own' ? otherNode : ownNode) ?? undefined}
          onClose={() => setChosen(null)}
        />
      )}
    </section>
  )
}

function useLook(
  graph: GraphView | null,
  by: ColorBy,
  selected: string | null,
  changes: ReadonlyMap<string, Change>,
  onSelect: (node: GraphNode) => void,
): GraphLook {
  const colorOf = useMemo(() => nodeColors(graph?.nodes ?? [], by), [graph, by])
  return {
    colorOf,
    selected,
    onSelect,
    marksOf: node => {
      const change = changes.get(node.id)
      return change ? [CHANGE_MARKS[change]] : []
    },
  }
}

interface PaneProps {
  side: 'variant' | 'reference'
  /** Null where there is only one. */
  name: string | null
  graph: GraphView
  look: GraphLook
  focus: { node: string; turn: number } | null
}

function Pane({ side, name, graph, look, focus }: PaneProps) {
  return (
    <div className={classes.pane}>
      {name !== null && (
        <div className={classes.paneName} data-side={side}>
          <span className="ellipsis">{name}</span>
        </div>
      )}
      <div className={classes.paneBody}>
        <GraphCanvas
          label={name === null ? 'Graph' : `Graph of ${name}`}
          graph={graph}
          look={look}
          focus={focus}
          map={graph.nodes.length > 60}
        />
      </div>
    </div>
  )
}

function GraphLegend({ graph, by, differs }: { graph: GraphView; by: ColorBy; differs: boolean }) {
  const kinds = useMemo(() => kindsIn(graph.nodes), [graph])
  return (
    <div className={classes.legend}>
      {by === 'kind' &&
        kinds.map(kind => (
          <span key={kind}>
            <Swatch color={kindColor(kind)} />
            {kind}
          </span>
        ))}
      {by === 'parameters' && (
        <>
          <span>
            <Swatch color={colors.border} />
            none
          </span>
          <span>
            <Swatch color={`color-mix(in srgb, ${colors.accent} 30%, ${colors.border})`} />
            few
          </span>
          <span>
            <Swatch color={colors.accent} />
            most
          </span>
        </>
      )}
      {differs && <span>≠ other shape or operator, new: not there</span>}
    </div>
  )
}
