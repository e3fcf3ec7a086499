import { Tooltip } from '@mantine/core'
import { Images } from 'lucide-react'
import { useState } from 'react'
import type { Variant } from '../../../shared/domain'
import { MeasureNow } from '../overview/MeasureNow'
import { useQuery } from '../store/query'
import type { TabProps } from '../tab-props'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { TabBody } from '../ui/TabBody'
import { colors } from '../ui/theme'
import { ask } from './ask'
import { changeSummary, type Filter, filterOptions, firstFilter } from './change-summary'
import classes from './predictions.module.css'
import { SampleGrid } from './SampleGrid'

/** Above this many differing samples the summary of changes speaks of the first ones only, and says so. */
const SUMMARISED = 1000

/** Samples on which reference and variant answer differently, with the pictures. */
export function PredictionsTab({ study, variant, reference }: TabProps) {
  const counts = useQuery(`study/${variant.id}/counts/${reference.id}`, async client => {
    if (!variant.evaluation) return null
    return (await ask(client, variant, reference, 'all', 0, 1)).counts
  })
  if (!variant.evaluation) {
    return (
      <TabBody label="Predictions">
        <EmptyState
          icon={Images}
          title="No answers yet"
          actions={<MeasureNow study={study} variants={[variant]} />}
        >
          {study.datasets.length === 0
            ? 'Add data, and every sample on which this variant answers otherwise than its teacher is shown here.'
            : 'Measure this variant, and every sample on which it answers otherwise than its teacher is shown here.'}
        </EmptyState>
      </TabBody>
    )
  }
  if (counts.error) {
    return (
      <TabBody label="Predictions">
        <ErrorNotice
          error={counts.error}
          actions={<MeasureNow study={study} variants={[variant]} label="Measure again" />}
        />
      </TabBody>
    )
  }
  if (!counts.data) {
    return (
      <TabBody label="Predictions">
        <LoadingBlock height={28} />
        <LoadingBlock height={420} />
      </TabBody>
    )
  }
  return (
    <Predictions
      key={`${variant.id} ${reference.id}`}
      counts={counts.data}
      {...{ study, variant, reference }}
    />
  )
}

function Predictions({ counts, variant, reference }: TabProps & { counts: Record<string, number> }) {
  const alone = variant.id === reference.id
  const [filter, setFilter] = useState<Filter>(alone ? 'all' : firstFilter(counts))
  const [open, setOpen] = useState<number | null>(null)
  const labelled =
    variant.evaluation?.task === 'classification' && 'accuracy' in (variant.evaluation?.metrics ?? {})
  const options = filterOptions(counts, { labelled, reference: reference.name }).filter(
    o => !alone || o.filter === 'wrong' || o.filter === 'all',
  )
  return (
    <div className={classes.tab}>
      <div className={classes.filters}>
        {options.map(option => (
          <Tooltip key={option.filter} label={option.help}>
            <button
              type="button"
              className={classes.filter}
              aria-pressed={filter === option.filter}
              disabled={!option.enabled}
              onClick={() => setFilter(option.filter)}
            >
              {option.label}
              <span className={classes.count}>{option.count?.toLocaleString('en-US')}</span>
            </button>
          </Tooltip>
        ))}
        <span className={classes.who}>
          {!alone && (
            <span className="ellipsis">
              <span className={`${classes.dot} ${classes.whoDot}`} style={{ background: colors.teacher }} />
              {reference.name}
            </span>
          )}
          <span className="ellipsis">
            <span className={`${classes.dot} ${classes.whoDot}`} style={{ background: colors.variant }} />
            {variant.name}
          </span>
        </span>
      </div>
      {!alone && (counts.differ ?? 0) > 0 && variant.evaluation?.task === 'classification' && (
        <Changes
          variant={variant}
          reference={reference}
          onChoose={sample => {
            setFilter('differ')
            setOpen(sample)
          }}
        />
      )}
      <SampleGrid
        key={filter}
        variant={variant}
        reference={reference}
        filter={filter}
        open={open}
        onOpened={() => setOpen(null)}
      />
    </div>
  )
}

interface ChangesProps {
  variant: Variant
  reference: Variant
  onChoose(sample: number): void
}

/** '7 → 1: 3 samples', most frequent first. */
function Changes({ variant, reference, onChoose }: ChangesProps) {
  const differing = useQuery(`study/${variant.id}/changes/${reference.id}`, async client => {
    const first = await ask(client, variant, reference, 'differ', 0, 200)
    const items = [...first.items]
    while (items.length < Math.min(first.total, SUMMARISED)) {
      const next = await ask(client, variant, reference, 'differ', items.length, 200)
      if (next.items.length === 0) break
      items.push(...next.items)
    }
    return { items, total: first.total }
  })
  if (differing.error) return <ErrorNotice error={differing.error} />
  const { items = [], total = 0 } = differing.data ?? {}
  return (
    <section className={classes.changes} aria-label="Which answers changed">
      {items.length < total && <span>First {items.length.toLocaleString('en-US')}:</span>}
      {changeSummary(items)
        .slice(0, 30)
        .map(change => (
          <button
            key={`${change.from} ${change.to}`}
            type="button"
            className={classes.change}
            title={`${change.broken} broken, ${change.fixed} fixed. Opens the clearest one.`}
            onClick={() => onChoose(items.findIndex(p => p.index === change.example))}
          >
            <strong>
              {change.from} → {change.to}
            </strong>
            {change.samples} {change.samples === 1 ? 'sample' : 'samples'}
          </button>
        ))}
    </section>
  )
}
