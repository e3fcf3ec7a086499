import { ActionIcon, Tooltip } from '@mantine/core'
import { Redo2, Undo2 } from 'lucide-react'
import type { QuantizeSensitivity } from '../../../shared/quantize'
import { shortcutKeys } from '../actions/keyboard'
import type { Query } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { redone, undone } from '../ui/history'
import { LoadingLines } from '../ui/Loading'
import { byPattern, withFloat } from './choices'
import { LayerList } from './LayerList'
import { MeasureLoss } from './MeasureLoss'
import { changedSince } from './options'
import classes from './quantize.module.css'
import type { Row, Sort } from './rows'
import type { QuantizeForm } from './useQuantizeForm'

interface LayersPaneProps {
  form: QuantizeForm
  losses: Query<QuantizeSensitivity | null>
  rows: readonly Row[]
  sort: Sort
  onSort(sort: Sort): void
  selected: string | null
  onSelect(id: string): void
}

/** The layers and what they lose; measured from here. */
export function LayersPane({ form, losses, rows, sort, onSort, selected, onSelect }: LayersPaneProps) {
  const { data } = losses
  const { history, setHistory, current, edit } = form
  const byHand = form.mode === 'hand'
  const other = data ? changedSince(form.fields, data.options, form.values) : []
  return (
    <section className={classes.layers} aria-label="Layers and what they lose" tabIndex={-1} data-autofocus>
      <div className={classes.layersHead}>
        <Tooltip label={`Undo (${shortcutKeys('mod+Z').join(' ')})`}>
          <ActionIcon
            size="sm"
            aria-label="Undo"
            disabled={!byHand || history.past.length === 0}
            onClick={() => setHistory(undone)}
          >
            <Undo2 size={14} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={`Redo (${shortcutKeys('mod+shift+Z').join(' ')})`}>
          <ActionIcon
            size="sm"
            aria-label="Redo"
            disabled={!byHand || history.future.length === 0}
            onClick={() => setHistory(redone)}
          >
            <Redo2 size={14} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <MeasureLoss variant={form.parent} sensitivity={data} form={form} />
      </div>
      <div className={classes.box}>
        {losses.error && (
          <div className={classes.inBox}>
            <ErrorNotice error={losses.error} />
          </div>
        )}
        {data === undefined && !losses.error && (
          <div className={classes.inBox}>
            <LoadingLines lines={6} />
          </div>
        )}
        {data === null && (
          <p className={classes.empty}>
            What each layer loses in 8 bits is not known yet. Measuring tries one layer at a time on samples,
            weights and activations apart; layers appear here as they are done.
          </p>
        )}
        {data && data.layers.length === 0 && <p className={classes.empty}>No layer is measured yet.</p>}
        {data && data.layers.length > 0 && other.length > 0 && (
          <p className={classes.outdated} role="status">
            Measured with other choices of: {other.join(', ')}. Measure again to see what each layer loses
            now.
          </p>
        )}
        {data && data.layers.length > 0 && (
          <LayerList
            rows={rows}
            sensitivity={data}
            sort={sort}
            onSort={onSort}
            selected={selected}
            onSelect={onSelect}
            onFloat={row => {
              if (!byPattern(row.choice)) edit(withFloat(current, row.layer, row.choice.float === null))
            }}
          />
        )}
      </div>
    </section>
  )
}
