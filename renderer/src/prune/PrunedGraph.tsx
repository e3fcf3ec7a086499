import { Button } from '@mantine/core'
import { ArrowLeft } from 'lucide-react'
import { useMemo, useState } from 'react'
import { formatCount, formatExact } from '../../../shared/format'
import type { PrunePreview } from '../../../shared/prune'
import type { GraphNode, GraphView } from '../../../shared/training'
import { GraphCanvas } from '../graph/GraphCanvas'
import { GraphList } from '../graph/GraphList'
import type { GraphLook } from '../graph/graph-look'
import { useQuery } from '../store/query'
import { percentText } from '../ui/BeforeAfter'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { colors } from '../ui/theme'
import { useFocusAtFirst } from '../ui/useFocusAtFirst'
import { Swatch } from '../ui/values'
import { fatesOf, goneOf, type NodeFate } from './graph-parts'
import classes from './prune.module.css'
import { KIND_TITLES } from './words'

interface PrunedGraphProps {
  parent: string
  preview: PrunePreview
  onBack(): void
}

/** The plan on the graph of the model: how much goes of what each node makes, and what is left alone. */
export function PrunedGraph({ parent, preview, onBack }: PrunedGraphProps) {
  const graph = useQuery<GraphView>(`graph/${parent}/`, c => c.distill.graph({ variant: parent }))
  return (
    <div className={classes.graph}>
      {graph.data ? (
        <Drawn graph={graph.data} preview={preview} onBack={onBack} />
      ) : (
        <>
          <div className={classes.graphHead}>
            <BackButton onBack={onBack} />
          </div>
          {graph.error ? <ErrorNotice error={graph.error} /> : <LoadingBlock height="100%" />}
        </>
      )}
    </div>
  )
}

function BackButton({ onBack }: { onBack(): void }) {
  const first = useFocusAtFirst<HTMLButtonElement>()
  return (
    <Button ref={first} variant="default" leftSection={<ArrowLeft size={14} aria-hidden />} onClick={onBack}>
      Back
    </Button>
  )
}

function goneColor(gone: number): string {
  return gone <= 0
    ? colors.uncertain
    : `color-mix(in srgb, ${colors.accent} ${Math.round(20 + gone * 80)}%, ${colors.border})`
}

function Drawn({ graph, preview, onBack }: { graph: GraphView; preview: PrunePreview; onBack(): void }) {
  const fates = useMemo(() => fatesOf(graph.nodes, preview), [graph, preview])
  const [chosen, setChosen] = useState<{ node: GraphNode; turn: number } | null>(null)
  const choose = (node: GraphNode) => setChosen(old => ({ node, turn: (old?.turn ?? 0) + 1 }))
  const look: GraphLook = {
    colorOf: node => {
      const fate = fates.get(node.id)
      const gone = goneOf(fate)
      if (gone !== null) return goneColor(gone)
      return fate?.reason ? colors.teacher : colors.border
    },
    marksOf: node => {
      const fate = fates.get(node.id)
      const gone = goneOf(fate)
      if (gone !== null && gone > 0) {
        return [{ text: `−${Math.round(gone * 100)} %`, color: 'var(--bt-accent)', quiet: true }]
      }
      return fate?.reason ? [{ text: 'stays', color: 'var(--bt-teacher)', quiet: true }] : []
    },
    selected: chosen?.node.id ?? null,
    onSelect: choose,
  }
  const { before, after } = preview
  return (
    <>
      <div className={classes.graphHead}>
        <BackButton onBack={onBack} />
        <div className={classes.graphSays} role="status">
          {chosen ? (
            <FateText node={chosen.node} fate={fates.get(chosen.node.id)} />
          ) : (
            `${formatCount(before.macs)} → ${formatCount(after.macs)} MACs (${percentText(before.macs, after.macs)}). Choose a node to see what becomes of it.`
          )}
        </div>
        <div className={classes.graphLegend}>
          <span>
            <Swatch color={goneColor(0.25)} />
            little goes
          </span>
          <span>
            <Swatch color={goneColor(1)} />
            most goes
          </span>
          <span>
            <Swatch color={colors.teacher} />
            may not change
          </span>
          <span>
            <Swatch color={colors.border} />
            follows
          </span>
        </div>
      </div>
      <div className={classes.graphPanes}>
        <div className={classes.graphList}>
          <GraphList label="nodes" nodes={graph.nodes} look={look} onCursor={choose} />
        </div>
        <GraphCanvas
          label="Graph of the plan"
          graph={graph}
          look={look}
          focus={chosen ? { node: chosen.node.id, turn: chosen.turn } : null}
          map={graph.nodes.length > 60}
        />
      </div>
    </>
  )
}

function FateText({ node, fate }: { node: GraphNode; fate: NodeFate | undefined }) {
  const changes = fate?.changes.map(
    c =>
      `${formatExact(c.from)} → ${formatExact(c.to)} ${KIND_TITLES[c.kind]}, frees ${formatCount(c.frees.macs)} MACs`,
  )
  return (
    <>
      <strong>{node.name || node.id}</strong>{' '}
      {changes && changes.length > 0 ? changes.join('; ') : (fate?.reason ?? 'follows what it reads.')}
      {changes && changes.length > 0 && fate?.reason ? ` Otherwise: ${fate.reason}` : ''}
    </>
  )
}
