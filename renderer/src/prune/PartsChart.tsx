import { useElementSize, useMergedRef } from '@mantine/hooks'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import type { PruneSensitivity } from '../../../shared/prune'
import { DROP_TITLES } from '../ui/losses'
import classes from './chart.module.css'
import { dropScale } from './drops'
import { PartRow } from './PartRow'
import type { Part } from './parts'

interface PartsChartProps {
  parts: readonly Part[]
  /** MACs of the whole model; 0 until known. */
  whole: number
  sensitivity: PruneSensitivity | null
  least: number
  onKeep: ((id: string, keep: number | null) => void) | null
  onSettle(): void
}

/** Height of a row in rem: as high as there is room for, within these. */
const LEAST_ROW = 1.875
const MOST_ROW = 3.25
const HEAD_REM = 1.75

function remInPixels(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16
}

/** Every part in the order of the network: what was measured of it, and the share of it that stays. */
export function PartsChart({ parts, whole, sensitivity, least, onKeep, onSettle }: PartsChartProps) {
  const { ref: scroller, height: room } = useElementSize<HTMLDivElement>()
  const own = useRef<HTMLDivElement>(null)
  const merged = useMergedRef(scroller, own)
  const rem = remInPixels()
  const wished = room / rem - HEAD_REM - 0.25
  const height =
    rem * Math.min(MOST_ROW, Math.max(LEAST_ROW, parts.length > 0 ? wished / parts.length : LEAST_ROW))
  const virtual = useVirtualizer({
    count: parts.length,
    getScrollElement: () => own.current,
    estimateSize: () => height,
    overscan: 6,
    getItemKey: i => parts[i]?.id ?? i,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured again when their height changes
  useEffect(() => virtual.measure(), [height])
  const drops = sensitivity && { metric: sensitivity.metric, scale: dropScale(sensitivity) }
  const kept = useKept(drops)
  const most = Math.max(0, ...parts.map(p => p.frees?.macs ?? 0))
  return (
    <div ref={merged} className={classes.chart} data-measured={drops !== null || undefined}>
      <div className={classes.head} aria-hidden>
        <span>Layer</span>
        <span className={`${classes.right} ${classes.headSize}`}>Before → after</span>
        <span className={classes.axis}>
          <span>0 %</span>
          <span>kept</span>
          <span>100 %</span>
        </span>
        {sensitivity && (
          <span className={classes.right} title="Made smaller alone, the others whole">
            {DROP_TITLES[sensitivity.metric]}
          </span>
        )}
        <span className={`${classes.right} ${classes.headFrees}`}>MACs freed</span>
        <span className={classes.headReset} />
      </div>
      <ul
        className={classes.rows}
        style={{ height: virtual.getTotalSize() }}
        aria-label="Parts of the network"
      >
        {virtual.getVirtualItems().map(item => {
          const part = parts[item.index]
          if (!part) return null
          return (
            <PartRow
              key={part.id}
              part={part}
              whole={whole}
              most={most}
              drops={kept}
              least={least}
              top={item.start}
              height={item.size}
              onKeep={onKeep}
              onSettle={onSettle}
            />
          )
        })}
      </ul>
    </div>
  )
}

/** The same object while it says the same: rows that did not change are not drawn again. */
function useKept<T extends { metric: string; scale: number }>(next: T | null): T | null {
  const last = useRef(next)
  if (last.current?.metric !== next?.metric || last.current?.scale !== next?.scale) last.current = next
  return last.current
}
