import { useMemo, useState } from 'react'
import type { Study, TechniqueInfo, Variant } from '../../../shared/domain'
import { useClient } from '../store/connection'
import { useTrial } from '../store/trial'
import { closeDialog } from '../store/ui'
import { STATIC } from '../variant/kinds'
import { StartFooter } from '../variant/StartFooter'
import { StartFrame } from '../variant/StartFrame'
import { createVariant, useStart } from '../variant/start'
import { means } from './choices'
import { LayersPane } from './LayersPane'
import { watchSearch } from './live-search'
import { useLosses } from './MeasureLoss'
import { usePrevious } from './previous'
import { QuantizeTiles } from './QuantizeTiles'
import classes from './quantize.module.css'
import { layerRows, type Sort } from './rows'
import { SearchPanel } from './SearchPanel'
import { SidePane, type View } from './SidePane'
import { useQuantizeForm, type Values } from './useQuantizeForm'

interface QuantizeBodyProps {
  techniques: readonly TechniqueInfo[]
  study: Study
  parent: Variant
  technique: string
  given: Values
  layer: string | undefined
  onParent(id: string): void
}

/** The loop: a layer, why it loses, a choice, and what the whole then loses. */
export function QuantizeBody({
  techniques,
  study,
  parent,
  technique,
  given,
  layer,
  onParent,
}: QuantizeBodyProps) {
  const client = useClient()
  const form = useQuantizeForm({ techniques, parent, technique, given })
  const losses = useLosses(parent.id)
  const [sort, setSort] = useState<Sort>('loss')
  const [picked, setPicked] = useState(layer ?? null)
  const [chosenView, setView] = useState<View | null>(layer ? 'layer' : null)
  const data = study.datasets.at(-1)?.hash ?? ''
  const searching = form.mode === 'search'
  const question = searching ? null : JSON.stringify(form.values)
  const trial = useTrial(
    // Not asked again with every change of the study: it takes the time of the machine that jobs run on.
    `quantize/preview/${parent.id}/${data}`,
    question,
    (asked, options) =>
      asked.quantize.preview({
        parent: parent.id,
        step: { technique: STATIC, options: JSON.parse(options) },
      }),
  )
  const before = usePrevious(question, trial.answer, trial.stale)
  const rows = useMemo(() => layerRows(losses.data, form.current, sort), [losses.data, form.current, sort])
  const row = rows.find(r => picked !== null && means(picked, r.layer)) ?? rows[0]
  // Before anything is measured only the whole network can be chosen for.
  const view = chosenView ?? (losses.data === null ? 'network' : 'layer')
  const blocked = trial.error !== undefined && !searching

  const starting = useStart(blocked, async () => {
    const { step, seed } = form
    const name = form.name.trim() || form.automatic
    const job = await createVariant(client, { parent: parent.id, step, name, seed })
    if (searching) watchSearch(job)
    else closeDialog()
  })

  return (
    <StartFrame
      starting={starting}
      className={classes.dialog}
      outer={classes.sized}
      onHistory={searching ? undefined : form.setHistory}
      footer={
        <StartFooter
          form={form}
          variants={study.variants}
          start={searching ? 'Start the search' : 'Start'}
          blocked={blocked}
          busy={starting.busy}
          onParent={onParent}
        />
      }
    >
      <div className={classes.top}>
        {!searching && <QuantizeTiles trial={trial} before={before} onNotes={() => setView('notes')} />}
        {searching && (
          <p className={classes.hint}>
            The search tries which layers stay in float or in 16 bits, measures every try, and keeps the best.
          </p>
        )}
      </div>
      <LayersPane
        form={form}
        losses={losses}
        rows={rows}
        sort={sort}
        onSort={setSort}
        selected={row?.layer.id ?? null}
        onSelect={id => {
          setPicked(id)
          setView('layer')
        }}
      />
      {searching ? (
        <SearchPanel form={form} />
      ) : (
        <SidePane
          form={form}
          losses={losses.data ?? null}
          rows={rows}
          row={row}
          data={data}
          preview={trial.answer}
          view={view}
          onView={setView}
          onSelect={id => {
            setPicked(id)
            setView('layer')
          }}
        />
      )}
    </StartFrame>
  )
}
