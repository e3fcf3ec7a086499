import { SegmentedControl } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useEffect, useRef } from 'react'
import type { QuantizeSensitivity } from '../../../shared/quantize'
import { DROP_TITLES } from '../ui/losses'
import { LayerBar } from './LayerBar'
import classes from './list.module.css'
import { lossScale, type Row, SORTS, type Sort } from './rows'

interface LayerListProps {
  rows: readonly Row[]
  sensitivity: QuantizeSensitivity
  sort: Sort
  onSort(sort: Sort): void
  selected: string | null
  onSelect(id: string): void
  /** Leaves a layer in float, or no longer does. */
  onFloat(row: Row): void
}

/** Id of the list, where the focus goes back to. */
export const LAYER_LIST = 'quantize-layers'

function remInPixels(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16
}

const ROW_REM = 2.5
const SORT_TITLES: Record<Sort, string> = { loss: 'Loss', time: 'Time', order: 'Order' }

/** Layers by what each loses alone in 8 bits. Arrow keys go through them, X leaves one in float. */
export function LayerList(props: LayerListProps) {
  const { rows, sensitivity, sort, onSort, selected, onSelect, onFloat } = props
  const scroller = useRef<HTMLDivElement>(null)
  const height = ROW_REM * remInPixels()
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
    getItemKey: i => rows[i]?.layer.id ?? i,
  })
  const at = rows.findIndex(r => r.layer.id === selected)
  const scale = lossScale(sensitivity)
  const timed = rows.some(r => r.layer.milliseconds !== null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another choice or order brings the choice into view
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at)
  }, [at])

  function press(event: KeyboardEvent) {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / height) - 1)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -rows.length,
      End: rows.length,
    }
    const step = steps[event.key]
    const row = rows[at]
    if (step !== undefined) {
      event.preventDefault()
      const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))]
      if (next) onSelect(next.layer.id)
    } else if (event.key.toLowerCase() === 'x' && !event.ctrlKey && !event.metaKey && !event.altKey && row) {
      event.preventDefault()
      onFloat(row)
    }
  }

  return (
    <>
      <div className={classes.bar}>
        <span className={classes.barTitle}>{DROP_TITLES[sensitivity.metric]}, each alone in 8 bits</span>
        <SegmentedControl
          aria-label="Sort by"
          size="xs"
          value={sort}
          onChange={value => onSort(SORTS.find(s => s === value) ?? 'loss')}
          data={SORTS.filter(s => s !== 'time' || timed).map(s => ({ value: s, label: SORT_TITLES[s] }))}
        />
      </div>
      <div
        ref={scroller}
        id={LAYER_LIST}
        role="listbox"
        aria-label="Layers"
        aria-activedescendant={at >= 0 ? optionId(at) : undefined}
        tabIndex={0}
        data-autofocus
        className={classes.scroller}
        onKeyDown={press}
      >
        <div className={classes.rows} style={{ height: virtual.getTotalSize() }} role="presentation">
          {virtual.getVirtualItems().map(item => {
            const row = rows[item.index]
            if (!row) return null
            return (
              <LayerBar
                key={row.layer.id}
                id={optionId(item.index)}
                row={row}
                metric={sensitivity.metric}
                scale={scale}
                timed={timed}
                selected={item.index === at}
                top={item.start}
                height={item.size}
                onSelect={onSelect}
              />
            )
          })}
        </div>
      </div>
      <div className={classes.legend} aria-hidden>
        <span>
          <i data-part="whole" /> whole layer
        </span>
        <span>
          <i data-part="weights" /> weights
        </span>
        <span>
          <i data-part="activations" /> activations
        </span>
        <span>
          <i data-part="none" /> no loss shown
        </span>
      </div>
    </>
  )
}

function optionId(index: number): string {
  return `${LAYER_LIST}-${index}`
}
