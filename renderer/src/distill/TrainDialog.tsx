import { Anchor, Button } from '@mantine/core'
import { GraduationCap } from 'lucide-react'
import { useState } from 'react'
import type { Study, TechniqueInfo, Variant } from '../../../shared/domain'
import { teacherOf, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { closeDialog, openDialog } from '../store/ui'
import { watchTraining } from '../training/watch'
import { EmptyState } from '../ui/EmptyState'
import { NoteList } from '../ui/NoteList'
import { StartFrame } from '../variant/StartFrame'
import { createVariant, useStart } from '../variant/start'
import classes from './distill.module.css'
import { GraphPicker } from './GraphPicker'
import { LossForm } from './LossForm'
import { PairList } from './PairList'
import { PreviewPanel, useStudentTrial } from './PreviewPanel'
import { StudentChoice } from './StudentChoice'
import { studentProblem, studentText } from './student'
import { TrainFooter } from './TrainFooter'
import { TrainingOptions } from './TrainingOptions'
import { useTrainForm } from './useTrainForm'

interface TrainDialogProps {
  technique: string
  parent: string
  /** Values to begin with. */
  options?: Readonly<Record<string, unknown>> | undefined
}

/** Distillation and fine-tuning: the student, what it learns from, how it is trained; starts the jobs. */
export function TrainDialog({ technique, parent: parentId, options }: TrainDialogProps) {
  const info = useApp(s => s.info?.techniques.find(t => t.id === technique))
  const study = useApp(s => s.study)
  const [parent, setParent] = useState(parentId)
  const variant = study?.variants.find(v => v.id === parent) ?? teacherOf(study)
  if (!info || !variant || !study) {
    return (
      <EmptyState icon={GraduationCap} title="Nothing to train">
        {info ? 'Import a model first.' : 'This version of the engine does not know this technique.'}
      </EmptyState>
    )
  }
  return <TrainBody info={info} study={study} parent={variant} given={options ?? NONE} onParent={setParent} />
}

const NONE: Readonly<Record<string, unknown>> = {}

interface TrainBodyProps {
  info: TechniqueInfo
  study: Study
  parent: Variant
  given: Readonly<Record<string, unknown>>
  onParent(id: string): void
}

function TrainBody({ info, study, parent, given, onParent }: TrainBodyProps) {
  const client = useClient()
  const train = useTrainForm({ info, study, parent, given })
  const [picking, setPicking] = useState(false)
  const { form, distils } = train
  const student = studentText(form.student)
  const trial = useStudentTrial(parent.id, distils ? student : null)
  const hasData = study.datasets.length > 0
  const blocked =
    !hasData || (!distils && !train.labels) || train.jobs.length === 0 || trial.error !== undefined

  const starting = useStart(blocked, async () => {
    let first: { id: string; result: null } | null = null
    for (const job of train.jobs) {
      const step = { technique: info.id, options: job.options }
      const order = { parent: parent.id, step, name: job.name, seed: job.seed }
      const { id } = await createVariant(client, { ...order, device: train.device ?? undefined })
      first ??= { id, result: null }
    }
    if (first) watchTraining(first)
    closeDialog()
  })
  const aside =
    picking && student !== null ? (
      <GraphPicker
        parent={parent.id}
        student={student}
        pairs={form.features}
        onChange={features => train.change({ features })}
        onBack={() => setPicking(false)}
      />
    ) : null

  return (
    <StartFrame
      starting={starting}
      className={classes.dialog}
      single={!distils}
      aside={aside}
      onBack={() => setPicking(false)}
      footer={
        <TrainFooter
          train={train}
          parent={parent}
          variants={study.variants}
          blocked={blocked}
          busy={starting.busy}
          onParent={onParent}
        />
      }
    >
      {distils && (
        <div className={classes.left} tabIndex={-1} data-autofocus>
          <h3 className={classes.heading}>Student</h3>
          <StudentChoice
            student={form.student}
            init={form.init}
            parent={parent}
            variants={study.variants}
            onChange={next => train.change({ student: next })}
            onInit={init => train.change({ init })}
          />
          <PreviewPanel trial={trial} problem={studentProblem(form.student)} />
        </div>
      )}
      <div className={classes.right} tabIndex={-1} data-autofocus={!distils || undefined}>
        <p className={classes.summary}>
          {info.summary}{' '}
          {/^https?:/.test(info.reference) && (
            <Anchor href={info.reference} target="_blank" rel="noreferrer" size="xs">
              Method
            </Anchor>
          )}
        </p>
        <DataNotice info={info} parent={parent.id} hasData={hasData} labels={train.labels} />
        {distils && (
          <>
            <h3 className={classes.heading}>What it learns from</h3>
            <LossForm
              form={form}
              labels={train.labels}
              models={study.variants.filter(v => v.id !== parent.id && v.id !== modelOf(form.student))}
              teachers={textsOf(train.values.teachers)}
              onChange={train.change}
              onTeachers={teachers => train.setValues({ ...train.values, teachers })}
            />
            <PairList
              parent={parent.id}
              student={student}
              data={study.datasets.at(-1)?.id ?? ''}
              pairs={form.features}
              onChange={features => train.change({ features })}
              onPick={() => setPicking(true)}
            />
          </>
        )}
        <TrainingOptions
          main={train.main}
          advanced={train.advanced}
          values={train.values}
          onChange={train.setValues}
        />
      </div>
    </StartFrame>
  )
}

function modelOf(student: TrainStudent): string | null {
  return student.kind === 'model' ? student.variant : null
}
type TrainStudent = ReturnType<typeof useTrainForm>['form']['student']

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

interface DataNoticeProps {
  info: TechniqueInfo
  parent: string
  hasData: boolean
  labels: boolean
}

/** What is missing to train with, and the way to it. */
function DataNotice({ info, parent, hasData, labels }: DataNoticeProps) {
  const distils = info.id.startsWith('distill.')
  const message = !hasData
    ? 'A training needs samples to learn from, and this study has no data yet.'
    : labels || distils
      ? null
      : 'Fine-tuning learns from labels, and the data of this study has none.'
  if (!message) return null
  return (
    <div className={classes.notice}>
      <NoteList
        notes={[
          {
            code: 'needs-data',
            severity: 'warning',
            message,
            ...(hasData
              ? { action: 'Add data with labels, or distil: a student can learn from its teacher.' }
              : {}),
          },
        ]}
      />
      <Button
        variant="default"
        onClick={() =>
          openDialog({ kind: 'import-data', next: { kind: 'train', technique: info.id, parent } })
        }
      >
        Import data…
      </Button>
    </div>
  )
}
