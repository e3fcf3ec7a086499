import { Anchor, Button } from '@mantine/core'
import { Scissors } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { Study, TechniqueInfo, Variant } from '../../../shared/domain'
import { teacherOf, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { useQuery } from '../store/query'
import { useTrial } from '../store/trial'
import { closeDialog, openDialog } from '../store/ui'
import { watchTraining } from '../training/watch'
import { EmptyState } from '../ui/EmptyState'
import { NoteList } from '../ui/NoteList'
import { OptionsFold } from '../variant/OptionsFold'
import { StartFooter } from '../variant/StartFooter'
import { StartFrame } from '../variant/StartFrame'
import { createVariant, useStart } from '../variant/start'
import { AmountForm } from './AmountForm'
import { ChoiceFields } from './ChoiceFields'
import { MethodStrip } from './MethodStrip'
import { pruneMethods } from './methods'
import { trains } from './options'
import { GRAPH_BUTTON, PartsPanel, type View } from './PartsPanel'
import { PreviewTiles } from './PreviewTiles'
import { PrunedGraph } from './PrunedGraph'
import classes from './prune.module.css'
import { RecoveryPart } from './RecoveryPart'
import { type PruneFormState, usePruneForm } from './usePruneForm'

interface PruneDialogProps {
  parent: string
  technique?: string | undefined
  /** Values to begin with. */
  options?: Readonly<Record<string, unknown>> | undefined
}

/** Pruning: the method, how much goes and where, what that comes to, and how accuracy comes back. */
export function PruneDialog({ parent: parentId, technique, options }: PruneDialogProps) {
  const techniques = useApp(s => s.info?.techniques ?? NO_TECHNIQUES)
  const study = useApp(s => s.study)
  const methods = useMemo(() => pruneMethods(techniques), [techniques])
  const [parent, setParent] = useState(parentId)
  const variant = study?.variants.find(v => v.id === parent) ?? teacherOf(study)
  if (methods.length === 0 || !variant || !study) {
    return (
      <EmptyState icon={Scissors} title="Nothing to prune">
        {variant ? 'This version of the engine does not know how to prune.' : 'Import a model first.'}
      </EmptyState>
    )
  }
  return (
    <PruneBody
      methods={methods}
      study={study}
      parent={variant}
      technique={technique}
      given={options ?? NO_OPTIONS}
      onParent={setParent}
    />
  )
}

const NO_TECHNIQUES: TechniqueInfo[] = []
const NO_OPTIONS: Readonly<Record<string, unknown>> = {}

interface PruneBodyProps {
  methods: readonly TechniqueInfo[]
  study: Study
  parent: Variant
  technique: string | undefined
  given: Readonly<Record<string, unknown>>
  onParent(id: string): void
}

function PruneBody({ methods, study, parent, technique, given, onParent }: PruneBodyProps) {
  const client = useClient()
  const form = usePruneForm({ methods, study, parent, technique, given })
  const [view, setView] = useState<View>('layers')
  const [onGraph, setOnGraph] = useState(false)
  const trial = useTrial(
    // Not asked again with every change of the study: it takes the time of the machine that jobs run on.
    `prune/preview/${parent.id}/${study.datasets.at(-1)?.hash ?? ''}/${form.shape.technique}`,
    form.lack ? null : JSON.stringify(form.shape.options),
    (asked, options) =>
      asked.prune.preview({
        parent: parent.id,
        step: { technique: form.shape.technique, options: JSON.parse(options) },
      }),
  )
  const blocked = form.lack !== null || form.recoveryLack !== null || trial.error !== undefined

  const starting = useStart(blocked, async () => {
    const { step, seed } = form
    const name = form.name.trim() || form.automatic
    const job = await createVariant(client, { parent: parent.id, step, name, seed })
    if (trains(form.recovery)) watchTraining({ id: job.id, result: null })
    closeDialog()
  })

  function leaveGraph() {
    setOnGraph(false)
    requestAnimationFrame(() => document.getElementById(GRAPH_BUTTON)?.focus())
  }

  return (
    <StartFrame
      starting={starting}
      className={classes.dialog}
      outer={classes.sized}
      aside={
        onGraph && trial.answer ? (
          <PrunedGraph parent={parent.id} preview={trial.answer} onBack={leaveGraph} />
        ) : null
      }
      onBack={leaveGraph}
      onHistory={form.changeWidths}
      footer={
        <StartFooter
          form={form}
          variants={study.variants}
          blocked={blocked}
          busy={starting.busy}
          onParent={id => {
            form.forgetWidths()
            onParent(id)
          }}
        />
      }
    >
      <MethodStrip methods={methods} chosen={form.info?.id ?? ''} onChoose={form.choose} />
      <OptionsColumn form={form} />
      <div className={classes.right}>
        <PreviewTiles
          trial={trial}
          measured={form.values.target === 'latency'}
          problem={form.lack?.message ?? null}
          onNotes={() => setView('notes')}
        />
        <PartsPanel form={form} trial={trial} view={view} onView={setView} onGraph={() => setOnGraph(true)} />
      </div>
    </StartFrame>
  )
}

/** How much, what first, and what brings accuracy back. */
function OptionsColumn({ form }: { form: PruneFormState }) {
  const { info, places, values, change, parent, lack } = form
  const layers = useQuery(`study/layers/${parent.id}`, c => c.variants.layers({ id: parent.id }))
  const nodes = useMemo(() => layers.data?.map(l => l.name) ?? [], [layers.data])
  if (!info) return null
  const put = (part: Record<string, unknown>) => change({ ...values, ...part })
  return (
    <div className={classes.left} tabIndex={-1}>
      <section aria-label="How much" className={classes.part}>
        <AmountForm technique={info.id} fields={places.amount} values={values} onChange={put} />
      </section>
      <section aria-label="What goes" className={classes.part}>
        <ChoiceFields fields={places.main} values={values} onChange={put} />
        {lack && (
          <div className={classes.lack}>
            <NoteList
              notes={[
                { code: 'needs-data', severity: 'warning', message: lack.message, action: lack.action },
              ]}
            />
            <ImportButton form={form} />
          </div>
        )}
        <OptionsFold
          title="More"
          fields={places.more}
          values={values}
          onChange={change}
          suggestions={nodes}
        />
      </section>
      <RecoveryPart
        recovery={form.recovery}
        data={form.data}
        labels={form.labels}
        fields={places.training}
        values={values}
        onRecovery={form.setRecovery}
        onValues={change}
      />
      {!form.data && !lack && <ImportButton form={form} />}
      {/^https?:/.test(info.reference) && (
        <p className={classes.hint}>
          <Anchor href={info.reference} target="_blank" rel="noreferrer" size="xs">
            Where the method comes from
          </Anchor>
        </p>
      )}
    </div>
  )
}

function ImportButton({ form }: { form: PruneFormState }) {
  const next = { kind: 'prune' as const, parent: form.parent.id, technique: form.shape.technique }
  return (
    <Button variant="default" onClick={() => openDialog({ kind: 'import-data', next })}>
      Import data…
    </Button>
  )
}
