import { TextInput } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useVirtualizer } from '@tanstack/react-virtual'
import { Search } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useDeferredValue, useId, useMemo, useRef, useState } from 'react'
import type { GraphNode } from '../../../shared/training'
import classes from './graph.module.css'
import type { GraphLook } from './graph-look'
import { Marks } from './Marks'
import { rowName, searchNodes, shortShape } from './search'

interface GraphListProps {
  label: string
  nodes: readonly GraphNode[]
  look: GraphLook
  /** Called as the cursor moves, to bring the node into view on the graph. */
  onCursor?(node: GraphNode): void
  head?: ReactNode
}

const ROW = 26

/** Characters of a name that fit beside its operator, shape and signs in a row of so many pixels. */
function roomFor({ op }: GraphNode, shape: string, marks: number, width: number): number {
  const all = Math.floor((Math.max(170, width) - 34) / 6.2)
  return Math.max(5, all - op.length - shape.length - marks * 3)
}

/** Every node of a graph in a list with a search: the way to it by keyboard. Arrows move, Enter chooses. */
export function GraphList({ label, nodes, look, onCursor, head }: GraphListProps) {
  const id = useId()
  const [search, setSearch] = useState('')
  const [cursor, setCursor] = useState(0)
  const wanted = useDeferredValue(search)
  const found = useMemo(() => searchNodes(nodes, wanted), [nodes, wanted])
  const scroller = useRef<HTMLDivElement>(null)
  const { ref, width } = useElementSize()
  const virtual = useVirtualizer({
    count: found.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
  })

  function go(to: number) {
    const at = Math.min(found.length - 1, Math.max(0, to))
    const node = found[at]
    if (!node) return
    setCursor(at)
    virtual.scrollToIndex(at)
    onCursor?.(node)
  }

  function key(event: KeyboardEvent) {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 260) / ROW) - 1)
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }
    const step = steps[event.key]
    const node = found[cursor]
    if (step !== undefined) {
      event.preventDefault()
      go(cursor + step)
    } else if (event.key === 'Enter' && node && !event.ctrlKey && !event.metaKey) {
      event.preventDefault()
      look.onSelect(node)
    }
  }

  return (
    <div ref={ref} className={classes.list}>
      {head}
      <TextInput
        leftSection={<Search size={13} aria-hidden />}
        placeholder="Name or operator"
        aria-label={`Search ${label}`}
        role="combobox"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={found[cursor] ? `${id}-${cursor}` : undefined}
        value={search}
        onChange={event => {
          setSearch(event.currentTarget.value)
          setCursor(0)
        }}
        onKeyDown={key}
      />
      <div className={classes.count}>
        {found.length === nodes.length
          ? `${nodes.length.toLocaleString('en-US')} nodes`
          : `${found.length.toLocaleString('en-US')} of ${nodes.length.toLocaleString('en-US')}`}
      </div>
      <div ref={scroller} id={id} className={classes.items} role="listbox" aria-label={label} tabIndex={-1}>
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(item => {
            const node = found[item.index]
            if (!node) return null
            const reason = look.dimmed?.(node) ?? null
            const marks = look.marksOf?.(node) ?? []
            const shape = shortShape(node.outputs[0]?.shape ?? null)
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the search field above holds the keyboard
              <div
                key={node.id}
                id={`${id}-${item.index}`}
                role="option"
                tabIndex={-1}
                aria-selected={look.selected === node.id}
                aria-disabled={reason !== null}
                data-cursor={item.index === cursor || undefined}
                data-dimmed={reason !== null || undefined}
                className={classes.item}
                style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                title={`${node.op}  ${node.name}${reason ? `\nCannot be chosen: ${reason}` : ''}`}
                onClick={() => {
                  setCursor(item.index)
                  onCursor?.(node)
                  look.onSelect(node)
                }}
              >
                <span className={classes.hue} style={{ background: look.colorOf(node) }} />
                <span className={classes.itemName}>
                  <span className={classes.op}>{node.op}</span>{' '}
                  {rowName(node, roomFor(node, shape, marks.length, width))}
                </span>
                <span className={classes.shape}>{shape}</span>
                <Marks marks={marks} />
              </div>
            )
          })}
        </div>
      </div>
      {found.length === 0 && <div className={classes.count}>Nothing matches “{wanted}”.</div>}
    </div>
  )
}
