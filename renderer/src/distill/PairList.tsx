import { ActionIcon, Button, Loader, NumberInput, Select, Tooltip } from '@mantine/core'
import { ArrowRight, GitCompareArrows, Plus, Sparkles, X } from 'lucide-react'
import { useState } from 'react'
import type { FeatureLoss, GraphNode, GraphView } from '../../../shared/training'
import { FEATURE_LOSSES } from '../../../shared/training'
import { useQuery } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { PathText } from '../ui/values'
import classes from './distill.module.css'
import {
  changedPair,
  FEATURE_TITLES,
  fromSuggestion,
  openSuggestions,
  pairColor,
  pairProblem,
  valuesOf,
  withoutPair,
  withPair,
} from './pairs'

interface PairListProps {
  parent: string
  /** The engine's text; null while there is no student. */
  student: string | null
  /** Changes with the data pairs are compared on. */
  data: string
  pairs: readonly FeatureLoss[]
  onChange(pairs: FeatureLoss[]): void
  onPick(): void
}

/** Both graphs, where they are wanted. */
export function useGraphs(parent: string, student: string | null) {
  const teacher = useQuery<GraphView>(student === null ? null : `graph/${parent}/`, client =>
    client.distill.graph({ variant: parent }),
  )
  const own = useQuery<GraphView>(student === null ? null : `graph/${parent}/${student}`, client => {
    const variant = student?.startsWith('variant:') ? student.slice('variant:'.length) : null
    return variant === null
      ? client.distill.graph({ variant: parent, student })
      : client.distill.graph({ variant })
  })
  return { teacher, student: own }
}

/** Values inside the two graphs that are to agree: suggested, picked on the graphs, weighed and taken away. */
export function PairList({ parent, student, data, pairs, onChange, onPick }: PairListProps) {
  const [asked, setAsked] = useState<string | null>(null)
  const wanted = student !== null && asked === student
  const suggestions = useQuery(wanted ? `distill/pairs/${parent}/${student}/${data}` : null, client =>
    client.distill.pairs({ parent, student: student ?? '' }),
  )
  const graphs = useGraphs(parent, pairs.length > 0 ? student : null)
  const open = openSuggestions(suggestions.data ?? [], pairs)
  const values =
    graphs.teacher.data && graphs.student.data
      ? { teacher: valuesOf(graphs.teacher.data), student: valuesOf(graphs.student.data) }
      : null
  return (
    <section aria-label="Feature losses" className={classes.features}>
      <div className={classes.featuresHead}>
        <div>
          <h3>Feature losses</h3>
          <p className={classes.hint}>
            Pairs of intermediate tensors that should match (FitNets, attention transfer, MiniLM and others).
            They help some students and hurt others: keep the control on.
          </p>
        </div>
        <div className={classes.featuresButtons}>
          <Button
            variant="default"
            leftSection={<Sparkles size={13} aria-hidden />}
            disabled={student === null}
            onClick={() => setAsked(student)}
          >
            Suggest pairs
          </Button>
          <Button
            variant="default"
            leftSection={<GitCompareArrows size={13} aria-hidden />}
            disabled={student === null}
            onClick={onPick}
          >
            Pick on the graphs…
          </Button>
        </div>
      </div>
      {pairs.length > 0 && (
        <ul className={classes.pairs}>
          {pairs.map((pair, i) => (
            // The same ends may be compared by several losses, and a loss may be changed: the place tells rows apart.
            <PairRow
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              key={`${i} ${pair.teacher} ${pair.student}`}
              at={i}
              pair={pair}
              problem={values && pairProblem(pair, values.teacher, values.student)}
              choices={values && choicesFor(pair, values)}
              onChange={change => onChange(changedPair(pairs, i, change))}
              onRemove={() => onChange(withoutPair(pairs, i))}
            />
          ))}
        </ul>
      )}
      {wanted && suggestions.loading && !suggestions.data && (
        <p className={classes.hint} role="status">
          <Loader size={12} mr={8} aria-hidden />
          Comparing values on samples of the study…
        </p>
      )}
      {wanted && suggestions.error && <ErrorNotice error={suggestions.error} />}
      {wanted && suggestions.data && (
        <div className={classes.suggestions}>
          <div className={classes.suggestionsHead}>
            <span className={classes.hint}>
              {open.length > 0
                ? 'Alike by linear CKA over some samples, best first'
                : suggestions.data.length > 0
                  ? 'All suggestions are taken.'
                  : 'No two values were alike enough to suggest.'}
            </span>
            {open.length > 1 && (
              <Button
                size="compact-xs"
                variant="subtle"
                onClick={() =>
                  onChange(open.slice(0, 3).reduce((all, s) => withPair(all, fromSuggestion(s)), [...pairs]))
                }
              >
                Add the best {Math.min(3, open.length)}
              </Button>
            )}
          </div>
          <ul className={classes.pairs}>
            {open.slice(0, 8).map(s => (
              <li key={`${s.kind} ${s.teacher} ${s.student}`} className={classes.suggestion}>
                {s.similarity !== null && (
                  <>
                    <span className={classes.similarity} title={`Similarity ${s.similarity.toFixed(3)}`}>
                      <span style={{ width: `${s.similarity * 100}%` }} />
                    </span>
                    <span className="num">{s.similarity.toFixed(2)}</span>
                  </>
                )}
                <span className={classes.suggestionKind}>
                  {FEATURE_TITLES[s.kind].title}
                  {s.projector && <span className={classes.hint}> with projector</span>}
                </span>
                <Ends teacher={s.teacher} student={s.student} />
                <Button
                  size="compact-xs"
                  variant="default"
                  leftSection={<Plus size={12} aria-hidden />}
                  aria-label={`Add ${FEATURE_TITLES[s.kind].title}: ${s.teacher} to ${s.student}`}
                  onClick={() => onChange(withPair(pairs, fromSuggestion(s)))}
                >
                  Add
                </Button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

interface Values {
  teacher: ReadonlyMap<string, GraphNode>
  student: ReadonlyMap<string, GraphNode>
}

function choicesFor(pair: FeatureLoss, { teacher, student }: Values): FeatureLoss['kind'][] {
  const [a, b] = [teacher.get(pair.teacher)?.losses ?? [], student.get(pair.student)?.losses ?? []]
  return FEATURE_LOSSES.filter(kind => kind === pair.kind || (a.includes(kind) && b.includes(kind)))
}

function Ends({ teacher, student }: { teacher: string; student: string }) {
  return (
    <span className={classes.ends}>
      <PathText text={teacher} />
      <ArrowRight size={12} aria-label="to" />
      <PathText text={student} />
    </span>
  )
}

interface PairRowProps {
  at: number
  pair: FeatureLoss
  problem: string | null
  /** Losses that can compare both ends; null until the graphs are there. */
  choices: FeatureLoss['kind'][] | null
  onChange(change: Partial<FeatureLoss>): void
  onRemove(): void
}

function PairRow({ at, pair, problem, choices, onChange, onRemove }: PairRowProps) {
  return (
    <li className={classes.pair}>
      <span className={classes.pairNumber} style={{ background: pairColor(at) }}>
        {at + 1}
      </span>
      <Select
        aria-label={`Loss of pair ${at + 1}`}
        w={142}
        data={(choices ?? [pair.kind]).map(kind => ({ value: kind, label: FEATURE_TITLES[kind].title }))}
        value={pair.kind}
        allowDeselect={false}
        onChange={value => {
          const kind = FEATURE_LOSSES.find(k => k === value)
          if (kind) onChange({ kind })
        }}
      />
      <Ends teacher={pair.teacher} student={pair.student} />
      <NumberInput
        aria-label={`Weight of pair ${at + 1}`}
        title="Weight"
        w={76}
        min={0}
        max={1e6}
        step={0.1}
        value={pair.weight}
        clampBehavior="blur"
        onChange={next => typeof next === 'number' && onChange({ weight: next })}
      />
      <Tooltip label="Remove">
        <ActionIcon size="sm" aria-label={`Remove pair ${at + 1}`} onClick={onRemove}>
          <X size={14} aria-hidden />
        </ActionIcon>
      </Tooltip>
      {problem && (
        <div className={classes.pairProblem} role="alert">
          {problem}
        </div>
      )}
    </li>
  )
}
