import { Button, Group } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { CircleCheck, CircleDashed, CircleX, Plus, ScanSearch } from 'lucide-react'
import { useState } from 'react'
import type { Variant } from '../../../shared/domain'
import { formatValue } from '../../../shared/format'
import { mainMetric } from '../../../shared/metrics'
import { ranWords } from '../../../shared/ran-words'
import { ownComparison, verdict } from '../../../shared/verdict'
import { findLayerDialog } from '../quantize/find-layer'
import { isActive, useApp } from '../store/app'
import { useQuery } from '../store/query'
import { openDialog } from '../store/ui'
import type { TabProps } from '../tab-props'
import { ErrorNotice } from '../ui/ErrorNotice'
import { NoteList } from '../ui/NoteList'
import { Panel } from '../ui/Panel'
import { TabBody } from '../ui/TabBody'
import { ClassesPanel } from './ClassesPanel'
import { FactsPanel } from './FactsPanel'
import { notesOf } from './group-notes'
import { MeasureNow } from './MeasureNow'
import { MetricTable } from './MetricTable'
import { metricRows } from './metric-rows'
import classes from './overview.module.css'
import { VerdictTiles, VerdictView } from './VerdictView'

const NOTES_SHOWN = 4

/** What a variant gains and costs, in words and numbers. */
export function OverviewTab({ study, variant, reference }: TabProps) {
  const { ref, width } = useElementSize()
  const alone = variant.id === reference.id
  const own = ownComparison(reference, variant)
  const known = own.differences.length > 0 && own.ratios.length > 0
  const measured = variant.evaluation !== null && reference.evaluation !== null
  const asked = !alone && !known && measured
  const compare = useQuery(asked ? `study/${variant.id}/compare/${reference.id}` : null, c =>
    c.variants.compare({ a: reference.id, b: variant.id }),
  )
  const comparison = asked && compare.data ? compare.data : own
  const result = verdict(reference, variant, comparison)
  const rows = metricRows(reference, variant, { ...comparison })
  const quality = variant.evaluation ? mainMetric(variant) : null
  const guilty = result.quality.tone === 'worse' ? findLayerDialog(study.variants, variant) : null
  const unmeasured = !variant.evaluation || !variant.benchmark
  const making = useApp(s => s.jobs.some(j => isActive(j) && j.kind === 'variant' && j.studyId === study.id))
  const first = alone && study.variants.length === 1 && !making
  const room = width === 0 || width >= 700 ? 'wide' : width >= 540 ? 'middle' : 'narrow'
  return (
    <TabBody label="Overview">
      <div ref={ref} style={{ height: 0, marginBottom: '-0.75rem' }} />
      <VerdictView verdict={result} reference={reference} variant={variant} />
      {!alone && <VerdictTiles verdict={result} quality={quality?.title ?? 'Accuracy'} />}
      {guilty && (
        <div>
          <Button
            variant="light"
            leftSection={<ScanSearch size={14} aria-hidden />}
            onClick={() => openDialog(guilty)}
          >
            {quality?.title ?? 'Accuracy'} lost: find the layer
          </Button>
        </div>
      )}
      <Checks variant={variant} />
      {compare.error && <ErrorNotice error={compare.error} />}
      {(unmeasured || first) && (
        <Group gap="xs">
          {unmeasured && <MeasureNow study={study} variants={[variant]} />}
          {first && (
            <Button
              variant={unmeasured ? 'default' : 'filled'}
              leftSection={<Plus size={14} />}
              onClick={() => openDialog({ kind: 'new-variant', parent: variant.id })}
            >
              Make a variant
            </Button>
          )}
        </Group>
      )}
      <Panel title="Numbers" flush>
        <MetricTable rows={rows} reference={reference} variant={variant} room={room} />
      </Panel>
      <NotesPanel key={variant.id} variant={variant} />
      {variant.evaluation?.task === 'classification' && (
        <ClassesPanel study={study} variant={variant} reference={reference} />
      )}
      <FactsPanel study={study} variant={variant} />
    </TabBody>
  )
}

/** What was proven of the file before it was shown. */
function Checks({ variant }: { variant: Variant }) {
  const { verification } = variant
  if (!verification) {
    if (variant.parentId === null) return null
    return (
      <div className={classes.checks}>
        <span className={classes.check}>
          <CircleDashed size={15} aria-hidden /> Not verified
        </span>
      </div>
    )
  }
  const { loads, parity, ran } = verification
  const Icon = loads ? CircleCheck : CircleX
  return (
    <div className={classes.checks}>
      <span className={classes.check} data-ok={loads}>
        <Icon size={15} aria-hidden />
        {loads
          ? 'Loads and runs in stock ONNX Runtime, in a fresh process'
          : 'Does not load in stock ONNX Runtime'}
      </span>
      {parity && (
        <span className={classes.check} title={`Largest difference ${parity.maxAbs.toPrecision(3)}`}>
          <span className={classes.dim}>
            Against its parent on {parity.samples} {parity.samples === 1 ? 'sample' : 'samples'}:
          </span>
          cosine {parity.cosine.toFixed(5)}
          {parity.sqnr !== null && `, SQNR ${formatValue(parity.sqnr, 'decibel')}`}
        </span>
      )}
      {ran && (
        <span className={classes.check}>
          <span className={classes.dim}>From ONNX Runtime's profile:</span> {ranWords(ran)}
        </span>
      )}
    </div>
  )
}

function NotesPanel({ variant }: { variant: Variant }) {
  const [all, setAll] = useState(false)
  const notes = notesOf(variant)
  if (notes.length === 0) return null
  const more = notes.length > NOTES_SHOWN
  return (
    <Panel
      title="What to know"
      actions={
        more && (
          <Button size="compact-xs" variant="subtle" onClick={() => setAll(!all)}>
            {all ? 'Show fewer' : `Show all ${notes.length}`}
          </Button>
        )
      }
    >
      <div className={classes.scrollNotes}>
        <NoteList notes={all ? notes : notes.slice(0, NOTES_SHOWN)} />
      </div>
    </Panel>
  )
}
