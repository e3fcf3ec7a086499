import { useVirtualizer } from '@tanstack/react-virtual'
import { ChevronDown, ChevronUp } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import classes from './DataTable.module.css'

export interface Column<Row> {
  id: string
  title: string
  /** CSS grid track: '1fr', 'minmax(8rem, 2fr)', '5rem'. */
  width?: string
  align?: 'left' | 'right'
  /** What the column sorts by; null sorts last. */
  value(row: Row): number | string | null
  /** What is shown; the value where absent. */
  render?(row: Row): ReactNode
}

export interface Sort {
  column: string
  descending: boolean
}

interface DataTableProps<Row> {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey(row: Row): string
  initialSort?: Sort
  selected?: string | null
  onSelect?(row: Row): void
  rowHeight?: number
  /** Shown in place of rows when there are none. */
  empty?: ReactNode
}

/** Rows in the order of a column; rows without a value come last whatever the direction. */
export function sortRows<Row>(
  rows: readonly Row[],
  column: Column<Row> | undefined,
  descending: boolean,
): Row[] {
  if (!column) return [...rows]
  const sign = descending ? -1 : 1
  return rows
    .map((row, at) => ({ row, at, value: column.value(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) {
        return a.value === b.value ? a.at - b.at : a.value === null ? 1 : -1
      }
      const order =
        typeof a.value === 'number' && typeof b.value === 'number'
          ? a.value - b.value
          : String(a.value).localeCompare(String(b.value), undefined, { numeric: true })
      return order === 0 ? a.at - b.at : order * sign
    })
    .map(entry => entry.row)
}

/**
 * A table of any length: only the rows in view are in the document. Fills its parent, which must have a height.
 * Headings sort; arrow keys, Home, End and Page keys move; Enter and Space choose.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, rowKey, selected, onSelect, rowHeight = 30, empty } = props
  const [sort, setSort] = useState<Sort | undefined>(props.initialSort)
  const [active, setActive] = useState(0)
  const scroller = useRef<HTMLDivElement>(null)
  const sorted = useMemo(
    () =>
      sortRows(
        rows,
        columns.find(c => c.id === sort?.column),
        sort?.descending ?? false,
      ),
    [rows, columns, sort],
  )
  const virtual = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  })
  const template = columns.map(c => c.width ?? 'minmax(4.5rem, 1fr)').join(' ')

  // A row chosen elsewhere (on a map, a chart) comes into view; sorting or filtering alone moves nothing.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new choice moves the table
  useEffect(() => {
    const at = selected == null ? -1 : sorted.findIndex(row => rowKey(row) === selected)
    if (at < 0) return
    setActive(at)
    virtual.scrollToIndex(at)
  }, [selected])

  function sortBy(column: Column<Row>) {
    const numeric = rows.length > 0 && rows.some(r => typeof column.value(r) === 'number')
    setSort(s => ({
      column: column.id,
      descending: s?.column === column.id ? !s.descending : numeric,
    }))
  }

  function move(event: KeyboardEvent) {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / rowHeight) - 2)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -sorted.length,
      End: sorted.length,
    }
    const step = steps[event.key]
    if (step !== undefined) {
      event.preventDefault()
      const next = Math.min(sorted.length - 1, Math.max(0, active + step))
      setActive(next)
      virtual.scrollToIndex(next)
    } else if ((event.key === 'Enter' || event.key === ' ') && onSelect) {
      const row = sorted[active]
      if (row !== undefined) {
        event.preventDefault()
        onSelect(row)
      }
    }
  }

  const width = { gridTemplateColumns: template }
  return (
    // biome-ignore-start lint/a11y/useSemanticElements: rows are positioned one by one, which table elements cannot be
    <div
      ref={scroller}
      className={classes.scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={sorted.length + 1}
      aria-activedescendant={sorted.length > 0 ? `${label}-${active}` : undefined}
      tabIndex={0}
      onKeyDown={move}
    >
      <div className={classes.head} role="row" style={width} tabIndex={-1}>
        {columns.map(column => {
          const current = sort?.column === column.id
          const Arrow = sort?.descending ? ChevronDown : ChevronUp
          return (
            <div
              key={column.id}
              role="columnheader"
              tabIndex={-1}
              aria-sort={current ? (sort?.descending ? 'descending' : 'ascending') : 'none'}
              data-align={column.align ?? 'left'}
              className={classes.headCell}
            >
              <button type="button" onClick={() => sortBy(column)}>
                <span className="ellipsis">{column.title}</span>
                {current && <Arrow size={12} aria-hidden />}
              </button>
            </div>
          )
        })}
      </div>
      {sorted.length === 0 && <div className={classes.empty}>{empty ?? 'Nothing to show.'}</div>}
      <div className={classes.body} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(item => {
          const row = sorted[item.index]
          if (row === undefined) return null
          const key = rowKey(row)
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles keys for all its rows
            <div
              key={key}
              id={`${label}-${item.index}`}
              role="row"
              tabIndex={-1}
              aria-rowindex={item.index + 2}
              aria-selected={onSelect ? key === selected : undefined}
              data-active={item.index === active || undefined}
              data-clickable={onSelect !== undefined || undefined}
              className={classes.row}
              style={{ ...width, height: rowHeight, transform: `translateY(${item.start}px)` }}
              onClick={() => {
                setActive(item.index)
                onSelect?.(row)
              }}
            >
              {columns.map(column => (
                <div
                  key={column.id}
                  role="gridcell"
                  tabIndex={-1}
                  data-align={column.align ?? 'left'}
                  className={classes.cell}
                >
                  {column.render ? column.render(row) : (column.value(row) ?? '–')}
                </div>
              ))}
            </div>
          )
        })}
      </div>
    </div>
    // biome-ignore-end lint/a11y/useSemanticElements: as above
  )
}
