import { Button, TextInput } from '@mantine/core'
import { Download, Plus, Search, Workflow } from 'lucide-react'
import { useState } from 'react'
import type { Study, Variant } from '../../../shared/domain'
import { formatBytes } from '../../../shared/format'
import { groupNotes } from '../overview/group-notes'
import { SearchChart } from '../quantize/SearchChart'
import { useApp } from '../store/app'
import { useQuery } from '../store/query'
import { openDialog } from '../store/ui'
import type { TabProps } from '../tab-props'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingLines } from '../ui/Loading'
import { NoteList } from '../ui/NoteList'
import { Panel } from '../ui/Panel'
import { TabBody } from '../ui/TabBody'
import { CopyText } from './CopyText'
import { commandLines, fileNameOf, lineage, PREPROCESSING_FILE } from './cli-command'
import { decisionFacts, pruneDecisions, searchDecision, searchNotes } from './decisions'
import { PrunedParts } from './PrunedParts'
import classes from './recipe.module.css'
import { StepCard } from './StepCard'
import { saveText } from './save-text'

/** The way from the teacher to this variant: to read, to repeat, to start from. */
export function RecipeTab({ study, variant }: TabProps) {
  const techniques = useApp(s => s.info?.techniques) ?? []
  const chain = lineage(study.variants, variant)
  const root = chain[0] ?? variant
  const steps = chain.flatMap((v, i) => {
    const parent = chain[i - 1]
    return v.step && parent ? [{ variant: v, step: v.step, parent }] : []
  })
  if (steps.length === 0) {
    return (
      <TabBody label="Recipe">
        <EmptyState
          icon={Workflow}
          title={variant.parentId === null ? 'The teacher has no recipe' : 'Brought from outside'}
          actions={
            <Button
              leftSection={<Plus size={14} />}
              onClick={() => openDialog({ kind: 'new-variant', parent: variant.id })}
            >
              New variant
            </Button>
          }
        >
          {variant.parentId === null
            ? 'It is where recipes begin. Make a variant from it, and the steps to repeat it stand here.'
            : 'This model was imported, so how it was made is not known. A variant made from it has a recipe.'}
        </EmptyState>
      </TabBody>
    )
  }
  return (
    <TabBody label="Recipe">
      <ol className={classes.steps}>
        <li className={classes.step}>
          <div className={classes.rail}>
            <span className={classes.number} data-teacher>
              0
            </span>
            <span className={classes.thread} />
          </div>
          <div className={classes.start}>
            <div className={classes.cardHead}>
              <span className={classes.title}>{root.name}</span>
              <span className={classes.small}>
                {root.parentId === null ? 'the teacher' : 'imported'}, {formatBytes(root.summary.sizeBytes)}
              </span>
            </div>
          </div>
        </li>
        {steps.map((s, i) => (
          <StepCard
            key={s.variant.id}
            number={i + 1}
            variant={s.variant}
            step={s.step}
            parent={s.parent.id}
            technique={techniques.find(t => t.id === s.step.technique)}
            last={i === steps.length - 1}
          />
        ))}
      </ol>
      <CommandPanel study={study} chain={chain} />
      <YamlPanel variant={variant} />
      <PlanPanel key={variant.id} variant={variant} />
    </TabBody>
  )
}

function CommandPanel({ study, chain }: { study: Study; chain: readonly Variant[] }) {
  const techniques = useApp(s => s.info?.techniques) ?? []
  const evaluated = chain.at(-1)?.evaluation?.data.hash
  const dataset = study.datasets.find(d => d.hash === evaluated) ?? study.datasets[0]
  const lines = commandLines(chain, techniques, dataset?.spec ?? null, study.variants)
  const text = lines.join('\n')
  const first = chain[0]
  return (
    <Panel title="On the command line" actions={<CopyText value={text} />}>
      <div className={classes.stack}>
        <pre className={`${classes.code} ${classes.wrap}`}>{text}</pre>
        <div className={classes.small}>
          {first && `${fileNameOf(first)} is ${first.name} as the Export tab saves it. `}
          {text.includes(PREPROCESSING_FILE) && `${PREPROCESSING_FILE} is in the deployment bundle. `}
          An exported variant also remembers its plan: <span className="mono">npx bantam replay FILE</span>{' '}
          makes the same bytes again.
        </div>
      </div>
    </Panel>
  )
}

function YamlPanel({ variant }: { variant: Variant }) {
  const recipe = useQuery(`study/${variant.id}/recipe`, c => c.variants.recipe({ id: variant.id }))
  const yaml = recipe.data?.yaml
  const name = fileNameOf(variant).replace(/\.onnx$/, '.yaml')
  return (
    <Panel
      title="Recipe file"
      actions={
        yaml !== undefined && (
          <div className={classes.actions}>
            <CopyText value={yaml} />
            <Button
              size="compact-xs"
              variant="default"
              leftSection={<Download size={13} />}
              onClick={() => saveText(name, yaml, 'application/yaml')}
            >
              Save {name.length < 26 ? name : 'as YAML'}
            </Button>
          </div>
        )
      }
    >
      {recipe.error && <ErrorNotice error={recipe.error} />}
      {yaml === undefined && !recipe.error && <LoadingLines lines={6} />}
      {yaml !== undefined && <pre className={classes.code}>{yaml.trimEnd()}</pre>}
    </Panel>
  )
}

function PlanPanel({ variant }: { variant: Variant }) {
  const [search, setSearch] = useState('')
  const plan = useQuery(`study/${variant.id}/plan`, c => c.variants.plan({ id: variant.id }))
  if (plan.data === null) return null
  const notes = plan.data ? groupNotes(plan.data.notes) : []
  const found = searchNotes(notes, search)
  const pruned = plan.data ? pruneDecisions(plan.data.decisions) : null
  const tries = plan.data ? searchDecision(plan.data.decisions) : null
  return (
    <Panel
      title="What was decided"
      actions={
        notes.length > 3 && (
          <TextInput
            leftSection={<Search size={13} />}
            placeholder="Node or words"
            aria-label="Search notes of the plan"
            value={search}
            onChange={event => setSearch(event.currentTarget.value)}
            w="10.5rem"
          />
        )
      }
    >
      {plan.error && <ErrorNotice error={plan.error} />}
      {plan.data === undefined && !plan.error && <LoadingLines lines={4} />}
      {plan.data && (
        <div className={classes.stack}>
          <div className={classes.decisions}>
            {decisionFacts(plan.data.decisions).map(fact => (
              <span key={fact.name}>
                <span className={classes.dim}>{fact.name}</span> <strong>{fact.value}</strong>
              </span>
            ))}
          </div>
          {tries && <SearchChart search={tries} />}
          {pruned && <PrunedParts technique={plan.data.technique} decisions={pruned} />}
          {notes.length === 0 && !pruned?.declined.length && (
            <div className={classes.small}>Nothing was declined.</div>
          )}
          {notes.length > 0 && found.length === 0 && (
            <div className={classes.small}>No note matches “{search}”.</div>
          )}
          {found.length > 0 && (
            <div className={classes.notes}>
              <NoteList notes={found} />
            </div>
          )}
        </div>
      )}
    </Panel>
  )
}
