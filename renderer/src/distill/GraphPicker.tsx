import { ActionIcon, Button, Select } from '@mantine/core'
import { ArrowLeft, ArrowRight, X } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { FeatureLoss, GraphNode, GraphView } from '../../../shared/training'
import { FEATURE_LOSSES } from '../../../shared/training'
import { GraphCanvas } from '../graph/GraphCanvas'
import { GraphList } from '../graph/GraphList'
import { nodeColors } from '../graph/graph-colors'
import type { GraphLook } from '../graph/graph-look'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { useGraphs } from './PairList'
import {
  cannotCompare,
  commonLosses,
  FEATURE_TITLES,
  type FeatureKind,
  MOST_PAIRS,
  pairColor,
  shortValue,
  withoutPair,
  withPair,
} from './pairs'
import classes from './picker.module.css'

interface GraphPickerProps {
  parent: string
  student: string
  pairs: readonly FeatureLoss[]
  onChange(pairs: FeatureLoss[]): void
  onBack(): void
}

/** Both graphs side by side: a value of one, then a value of the other, make a pair. */
export function GraphPicker({ parent, student, pairs, onChange, onBack }: GraphPickerProps) {
  const graphs = useGraphs(parent, student)
  const error = graphs.teacher.error ?? graphs.student.error
  return (
    <div className={classes.picker}>
      {graphs.teacher.data && graphs.student.data ? (
        <Picking
          teacher={graphs.teacher.data}
          student={graphs.student.data}
          {...{ pairs, onChange, onBack }}
        />
      ) : (
        <>
          <div className={classes.head}>
            <BackButton onBack={onBack} />
          </div>
          {error ? <ErrorNotice error={error} /> : <LoadingBlock height="100%" />}
        </>
      )}
    </div>
  )
}

function BackButton({ onBack }: { onBack(): void }) {
  return (
    <Button variant="default" leftSection={<ArrowLeft size={14} aria-hidden />} onClick={onBack}>
      Done
    </Button>
  )
}

type SideName = 'teacher' | 'student'
interface Picked {
  side: SideName
  node: GraphNode
}

interface PickingProps {
  teacher: GraphView
  student: GraphView
  pairs: readonly FeatureLoss[]
  onChange(pairs: FeatureLoss[]): void
  onBack(): void
}

function Picking({ teacher, student, pairs, onChange, onBack }: PickingProps) {
  const [kind, setKind] = useState<FeatureKind>(() => firstKind(teacher, student))
  const [picked, setPicked] = useState<Picked | null>(null)
  const [said, setSaid] = useState('')

  function choose(side: SideName, node: GraphNode) {
    const reason = cannotCompare(node, kind)
    if (reason) return setSaid(`${nameOf(node)} cannot be chosen: ${reason}`)
    if (!picked || picked.side === side) {
      setPicked(picked?.node.id === node.id && picked.side === side ? null : { side, node })
      return setSaid('')
    }
    const ends =
      side === 'teacher' ? { teacher: node, student: picked.node } : { teacher: picked.node, student: node }
    const pair = { kind, teacher: valueName(ends.teacher), student: valueName(ends.student), weight: 1 }
    const next = withPair(pairs, pair)
    setPicked(null)
    if (next.length === pairs.length) {
      return setSaid(
        pairs.length >= MOST_PAIRS ? `${MOST_PAIRS} pairs are the most.` : 'That pair is there already.',
      )
    }
    onChange(next)
    setSaid(`Pair ${next.length}: ${shortValue(pair.teacher)} and ${shortValue(pair.student)}`)
  }

  const wanted = picked && (picked.side === 'teacher' ? 'student' : 'teacher')
  const step = picked
    ? `${shortValue(valueName(picked.node))} of the ${picked.side} is chosen. Now choose its partner in the ${wanted}.`
    : 'Choose a value in one graph, then its partner in the other.'
  return (
    <>
      <div className={classes.head}>
        <BackButton onBack={onBack} />
        <Select
          aria-label="Loss"
          w={170}
          data={FEATURE_LOSSES.map(value => ({ value, label: FEATURE_TITLES[value].title }))}
          value={kind}
          allowDeselect={false}
          onChange={value => {
            const next = FEATURE_LOSSES.find(k => k === value)
            if (!next) return
            setKind(next)
            setSaid('')
            if (picked && cannotCompare(picked.node, next)) setPicked(null)
          }}
        />
        <div className={classes.about}>
          <div>{FEATURE_TITLES[kind].about}</div>
          <div role="status" data-said={said !== '' || undefined} title={said}>
            {said || step}
          </div>
        </div>
      </div>
      <div className={classes.panes}>
        <PickSide side="teacher" graph={teacher} {...{ kind, pairs, picked }} onChoose={choose} />
        <PickSide side="student" graph={student} {...{ kind, pairs, picked }} onChoose={choose} />
      </div>
      <ul className={classes.strip} aria-label="Pairs">
        {pairs.length === 0 && <li className={classes.none}>No pairs yet.</li>}
        {pairs.map((pair, i) => (
          <li
            key={`${pair.kind} ${pair.teacher} ${pair.student}`}
            title={`${pair.teacher} → ${pair.student}`}
          >
            <span className={classes.number} style={{ background: pairColor(i) }}>
              {i + 1}
            </span>
            <span className={classes.kind}>{FEATURE_TITLES[pair.kind].title}</span>
            {shortValue(pair.teacher)}
            <ArrowRight size={11} aria-label="to" />
            {shortValue(pair.student)}
            <ActionIcon
              size="xs"
              aria-label={`Remove pair ${i + 1}`}
              onClick={() => onChange(withoutPair(pairs, i))}
            >
              <X size={12} aria-hidden />
            </ActionIcon>
          </li>
        ))}
      </ul>
    </>
  )
}

interface PickSideProps {
  side: SideName
  graph: GraphView
  kind: FeatureKind
  pairs: readonly FeatureLoss[]
  picked: Picked | null
  onChoose(side: SideName, node: GraphNode): void
}

function PickSide({ side, graph, kind, pairs, picked, onChoose }: PickSideProps) {
  const [focus, setFocus] = useState<{ node: string; turn: number } | null>(null)
  const colorOf = useMemo(() => nodeColors(graph.nodes, 'kind'), [graph])
  const look: GraphLook = {
    colorOf,
    dimmed: node => cannotCompare(node, kind),
    marksOf: node => marks(node, side, pairs),
    selected: picked?.side === side ? picked.node.id : null,
    onSelect: node => onChoose(side, node),
  }
  return (
    <section
      className={classes.side}
      data-side={side}
      aria-label={side === 'teacher' ? 'Teacher' : 'Student'}
    >
      <div className={classes.list}>
        <GraphList
          label={`values of the ${side}`}
          nodes={graph.nodes}
          look={look}
          onCursor={node => setFocus(old => ({ node: node.id, turn: (old?.turn ?? 0) + 1 }))}
          head={<h3 className={classes.title}>{side === 'teacher' ? 'Teacher' : 'Student'}</h3>}
        />
      </div>
      <GraphCanvas label={`Graph of the ${side}`} graph={graph} look={look} focus={focus} />
    </section>
  )
}

function marks(node: GraphNode, side: SideName, pairs: readonly FeatureLoss[]) {
  return pairs.flatMap((pair, i) =>
    node.outputs.some(o => o.name === pair[side]) ? [{ text: String(i + 1), color: pairColor(i) }] : [],
  )
}

function valueName(node: GraphNode): string {
  return node.outputs[0]?.name ?? node.name
}

function nameOf(node: GraphNode): string {
  return `${node.op} ${shortValue(valueName(node))}`
}

/** The first loss that can compare something of both. */
function firstKind(teacher: GraphView, student: GraphView): FeatureKind {
  const all = (graph: GraphView) => ({ losses: graph.nodes.flatMap(n => n.losses) })
  return commonLosses(all(teacher), all(student))[0] ?? 'hint'
}
