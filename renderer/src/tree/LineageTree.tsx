import { Menu } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useCallback, useMemo, useRef, useState } from 'react'
import type { Study, Variant } from '../../../shared/domain'
import { mainMetric, metricById } from '../../../shared/metrics'
import { ActionItems } from '../actions/ActionMenu'
import { VARIANT_ACTIONS } from '../actions/variant-actions'
import { select, teacherOf, useApp } from '../store/app'
import { hover } from '../store/hover'
import { LineageItem } from './LineageItem'
import { type LineageRow, lineageRows, techniqueTitle } from './lineage'
import classes from './tree.module.css'

const ROW = 46

/** Teacher and variants as a tree, each with size, speed and accuracy. Arrows move, Space adds to the comparison. */
export function LineageTree({ study }: { study: Study }) {
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set())
  const [menu, setMenu] = useState<{ variant: Variant; x: number; y: number } | null>(null)
  const selection = useApp(s => s.selection)
  const techniques = useApp(s => s.info?.techniques)
  const rows = useMemo(() => lineageRows(study.variants, collapsed), [study.variants, collapsed])
  const titles = useMemo(() => new Map(techniques?.map(t => [t.id, t.title])), [techniques])
  const teacher = teacherOf(study)
  const scroller = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState(0)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
  })

  const toggle = useCallback((id: string) => {
    setCollapsed(old => {
      const next = new Set(old)
      if (!next.delete(id)) next.add(id)
      return next
    })
  }, [])
  const openMenu = useCallback((variant: Variant, x: number, y: number) => setMenu({ variant, x, y }), [])
  const choose = useCallback((variant: Variant, add: boolean) => select(variant.id, add), [])

  if (!teacher) return null
  const metric = mainMetric(teacher)

  function go(index: number, extend: boolean) {
    const at = Math.min(rows.length - 1, Math.max(0, index))
    const row = rows[at]
    if (!row) return
    setActive(at)
    virtual.scrollToIndex(at)
    if (!extend) select(row.variant.id)
    else if (!selection.includes(row.variant.id)) select(row.variant.id, true)
  }

  function fold(row: LineageRow, open: boolean) {
    if (row.children > 0 && row.collapsed === open) return toggle(row.variant.id)
    if (!open) {
      const parent = rows.findIndex(r => r.variant.id === row.variant.parentId)
      if (parent >= 0) go(parent, false)
    }
  }

  function key(event: KeyboardEvent) {
    const row = rows[active]
    if (!row) return
    const handled: Record<string, () => void> = {
      ArrowDown: () => go(active + 1, event.shiftKey),
      ArrowUp: () => go(active - 1, event.shiftKey),
      Home: () => go(0, false),
      End: () => go(rows.length - 1, false),
      ArrowRight: () => fold(row, true),
      ArrowLeft: () => fold(row, false),
      ' ': () => select(row.variant.id, true),
      Enter: () => select(row.variant.id),
      ContextMenu: () => menuAtRow(row),
    }
    const run = event.key === 'F10' && event.shiftKey ? handled.ContextMenu : handled[event.key]
    if (!run) return
    event.preventDefault()
    run()
  }

  function menuAtRow(row: LineageRow) {
    const box = document.getElementById(`lineage-${row.variant.id}`)?.getBoundingClientRect()
    if (box) openMenu(row.variant, box.left + 40, box.bottom - 8)
  }

  return (
    <>
      <div className={classes.columns} aria-hidden>
        <span>Variant</span>
        <span title="File size">size</span>
        <span title="Latency, batch 1">latency</span>
        {study.variants.some(v => metric.read(v)) ? (
          <span title={metric.title}>{metric.short}</span>
        ) : (
          <span title="Needs data to be measured on">quality</span>
        )}
      </div>
      <div
        id="lineage"
        ref={scroller}
        className={classes.scroller}
        role="tree"
        tabIndex={0}
        aria-label="Variants"
        aria-multiselectable
        aria-activedescendant={rows[active] ? `lineage-${rows[active].variant.id}` : undefined}
        onKeyDown={key}
        onMouseLeave={() => hover(null)}
      >
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(item => {
            const row = rows[item.index]
            if (!row) return null
            const at = selection.indexOf(row.variant.id)
            return (
              <LineageItem
                key={row.variant.id}
                row={row}
                top={item.start}
                height={ROW}
                technique={techniqueTitle(row.variant, titles)}
                reference={teacher}
                metric={metric}
                latency={LATENCY}
                order={at}
                several={selection.length > 1}
                cursor={item.index === active}
                onChoose={(variant, add) => {
                  setActive(item.index)
                  choose(variant, add)
                }}
                onToggle={toggle}
                onMenu={openMenu}
              />
            )
          })}
        </div>
      </div>
      <Menu
        opened={menu !== null}
        onClose={() => setMenu(null)}
        position="bottom-start"
        width={230}
        offset={2}
        returnFocus
      >
        <Menu.Target>
          <span style={{ position: 'fixed', left: menu?.x ?? 0, top: menu?.y ?? 0, width: 1, height: 1 }} />
        </Menu.Target>
        <Menu.Dropdown>
          {menu && <ActionItems actions={VARIANT_ACTIONS} target={menu.variant} />}
        </Menu.Dropdown>
      </Menu>
    </>
  )
}

const LATENCY = metricById('latency1')
