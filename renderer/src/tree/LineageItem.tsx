import { ActionIcon } from '@mantine/core'
import { ChevronRight, Ellipsis } from 'lucide-react'
import { memo } from 'react'
import type { Variant } from '../../../shared/domain'
import { formatValue } from '../../../shared/format'
import { type Metric, metricById } from '../../../shared/metrics'
import { hover, useHover } from '../store/hover'
import { type Delta, metricDelta } from '../ui/delta'
import type { LineageRow } from './lineage'
import classes from './tree.module.css'

interface LineageItemProps {
  row: LineageRow
  top: number
  height: number
  technique: string
  reference: Variant
  metric: Metric
  latency: Metric
  /** Place in the selection; −1 when not selected. */
  order: number
  several: boolean
  cursor: boolean
  onChoose(variant: Variant, add: boolean): void
  onToggle(id: string): void
  onMenu(variant: Variant, x: number, y: number): void
}

const SIZE = metricById('sizeBytes')

/** One variant: name and technique; size, speed and accuracy with their change against the teacher. */
export const LineageItem = memo(function LineageItem(props: LineageItemProps) {
  const { row, top, height, technique, reference, metric, latency, order, cursor } = props
  const { variant, depth } = row
  const hovered = useHover(s => s.id === variant.id)
  const teacher = variant.parentId === null
  const unmeasured = !variant.benchmark && !variant.evaluation
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles keys for all its rows
    <div
      id={`lineage-${variant.id}`}
      role="treeitem"
      tabIndex={-1}
      aria-level={depth + 1}
      aria-selected={order >= 0}
      aria-expanded={row.children > 0 ? !row.collapsed : undefined}
      aria-label={`${variant.name}, ${technique}`}
      data-cursor={cursor || undefined}
      data-hovered={hovered || undefined}
      className={classes.row}
      style={{ height, transform: `translateY(${top}px)` }}
      onClick={event => props.onChoose(variant, event.shiftKey || event.ctrlKey || event.metaKey)}
      onMouseEnter={() => hover(variant.id)}
      onContextMenu={event => {
        event.preventDefault()
        props.onMenu(variant, event.clientX, event.clientY)
      }}
    >
      <div className={classes.name} style={{ paddingLeft: Math.min(depth, 8) * 12 }}>
        <button
          type="button"
          tabIndex={-1}
          className={classes.fold}
          data-open={!row.collapsed || undefined}
          data-leaf={row.children === 0 || undefined}
          aria-label={row.collapsed ? 'Show what was made from it' : 'Hide what was made from it'}
          onClick={event => {
            event.stopPropagation()
            props.onToggle(variant.id)
          }}
        >
          {row.children > 0 ? <ChevronRight size={13} aria-hidden /> : null}
        </button>
        <span className={classes.mark} data-teacher={teacher || undefined} aria-hidden>
          {props.several && order >= 0 ? order + 1 : ''}
        </span>
        <div style={{ minWidth: 0 }}>
          <div className={`${classes.title} ellipsis`} title={variant.name}>
            {variant.name}
          </div>
          <div className={`${classes.technique} ellipsis`}>{technique}</div>
        </div>
      </div>
      <Cell variant={variant} reference={reference} metric={SIZE} />
      {unmeasured ? (
        <div className={classes.unmeasured}>not measured</div>
      ) : (
        <>
          <Cell variant={variant} reference={reference} metric={latency} />
          <Cell variant={variant} reference={reference} metric={metric} />
        </>
      )}
      <ActionIcon
        className={classes.more}
        size="sm"
        tabIndex={-1}
        aria-label={`Actions on ${variant.name}`}
        onClick={event => {
          event.stopPropagation()
          const box = event.currentTarget.getBoundingClientRect()
          props.onMenu(variant, box.left, box.bottom)
        }}
      >
        <Ellipsis size={15} aria-hidden />
      </ActionIcon>
    </div>
  )
})

/** '2.1× faster' → '2.1×'; the arrow says which way. */
function tight(delta: Delta): string {
  if (delta.text === 'same speed') return '≈'
  const sign = delta.tone === 'better' ? '▲ ' : '▼ '
  return / (faster|slower)$/.test(delta.text)
    ? sign + delta.text.replace(/ (faster|slower)$/, '')
    : delta.text
}

function Cell({ variant, reference, metric }: { variant: Variant; reference: Variant; metric: Metric }) {
  const measured = metric.read(variant)
  const delta = metricDelta(variant, reference, metric)
  return (
    <div className={classes.cell} title={delta?.title}>
      <div>{measured ? formatValue(measured.value, metric.unit) : '–'}</div>
      {delta && (
        <div className={classes.change} data-tone={delta.tone}>
          {tight(delta)}
        </div>
      )}
    </div>
  )
}
