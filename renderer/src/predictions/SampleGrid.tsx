import { ActionIcon, Modal } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useVirtualizer } from '@tanstack/react-virtual'
import { ChevronLeft, ChevronRight, CircleCheck } from 'lucide-react'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import type { Prediction, Variant } from '../../../shared/domain'
import { useQuery } from '../store/query'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { ask } from './ask'
import type { Filter } from './change-summary'
import { LargeSample } from './LargeSample'
import { type GridShape, gridShape, moved, placeOf } from './pages'
import classes from './predictions.module.css'
import { SampleCard, SampleLine } from './SampleCard'

const CARD = { width: 132, height: 196 }
const LINE = 44
/** A line with two lines of text above it. */
const TEXT_LINE = 92
const GAP = 8

interface SampleGridProps {
  variant: Variant
  reference: Variant
  filter: Filter
  /** Position of the sample to open large; null for none. */
  open: number | null
  /** Called when it was opened, so that it opens once. */
  onOpened(): void
}

/** One page of the grid under one key; every place that shows the page asks with it. */
function usePage(
  { variant, reference, filter }: Omit<SampleGridProps, 'open' | 'onOpened'>,
  page: number,
  limit: number,
) {
  const key = limit > 0 ? `study/${variant.id}/samples/${reference.id}/${filter}/${limit}/${page}` : null
  return useQuery(key, client => ask(client, variant, reference, filter, page * limit, limit))
}

/** Virtual grid of the samples a filter keeps; arrow keys move, Enter opens. */
export function SampleGrid(props: SampleGridProps) {
  const size = useElementSize()
  // One sample tells whether there are pictures, hence how large a cell is, before pages are laid out.
  const first = usePage(props, 0, 1)
  const pictures = first.data?.items[0]?.image != null
  const rowHeight = pictures ? CARD.height : first.data?.items[0]?.texts ? TEXT_LINE : LINE
  const width = size.width
  const shape = pictures ? gridShape(width, CARD.width, GAP, 6) : { columns: 1, rowsPerPage: 40, limit: 40 }
  return (
    <div ref={size.ref} style={{ flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column' }}>
      {first.error && <ErrorNotice error={first.error} />}
      {!first.data && !first.error && <LoadingBlock height={420} />}
      {first.data && width > 0 && (
        <Grid
          {...props}
          key={shape.columns}
          shape={shape}
          total={first.data.total}
          pictures={pictures}
          rowHeight={rowHeight}
        />
      )}
    </div>
  )
}

interface GridProps extends SampleGridProps {
  shape: GridShape
  total: number
  pictures: boolean
  /** Height of a cell in pixels. */
  rowHeight: number
}

function Grid(props: GridProps) {
  const { shape, total, rowHeight, filter, open, onOpened } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState(0)
  const [large, setLarge] = useState(false)
  const pages = Math.ceil(total / shape.limit)
  const virtual = useVirtualizer({
    count: pages,
    getScrollElement: () => scroller.current,
    estimateSize: page =>
      Math.ceil(Math.min(shape.limit, total - page * shape.limit) / shape.columns) * (rowHeight + GAP),
    overscan: 0,
  })
  function show(position: number) {
    setActive(position)
    const element = scroller.current
    if (!element) return
    const top = Math.floor(position / shape.columns) * (rowHeight + GAP)
    const bottom = top + rowHeight + GAP
    if (top < element.scrollTop) element.scrollTop = top
    else if (bottom > element.scrollTop + element.clientHeight)
      element.scrollTop = bottom - element.clientHeight
  }

  function press(event: KeyboardEvent) {
    const next = moved(event.key, active, total, shape)
    if (next !== null) {
      event.preventDefault()
      show(next)
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      setLarge(true)
    }
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new wish opens a sample
  useEffect(() => {
    if (open === null) return
    show(open)
    setLarge(true)
    onOpened()
  }, [open])

  if (total === 0) return <NoSamples filter={filter} />
  return (
    <>
      <div
        ref={scroller}
        className={classes.scroller}
        role="listbox"
        aria-label={`Samples: ${filter}`}
        aria-activedescendant={`sample-${active}`}
        tabIndex={0}
        onKeyDown={press}
      >
        <div style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(item => (
            <Page
              key={item.index}
              {...props}
              page={item.index}
              top={item.start}
              active={active}
              onOpen={position => {
                setActive(position)
                setLarge(true)
              }}
            />
          ))}
        </div>
      </div>
      <Modal
        opened={large}
        onClose={() => setLarge(false)}
        title={`Sample ${active + 1} of ${total}`}
        size="lg"
      >
        <LargeView {...props} position={active} onMove={show} />
      </Modal>
    </>
  )
}

interface PageProps extends GridProps {
  page: number
  top: number
  active: number
  onOpen(position: number): void
}

function Page(props: PageProps) {
  const { shape, page, top, rowHeight, active, pictures, variant, reference, total } = props
  const answer = usePage(props, page, shape.limit)
  const start = page * shape.limit
  const length = Math.min(shape.limit, total - start)
  const names = namesOf(variant, reference)
  const Sample = pictures ? SampleCard : SampleLine
  return (
    <div
      className={classes.page}
      style={{
        transform: `translateY(${top}px)`,
        gridTemplateColumns: `repeat(${shape.columns}, minmax(0, 1fr))`,
        gridAutoRows: rowHeight,
      }}
    >
      {answer.error && <ErrorNotice error={answer.error} />}
      {!answer.error &&
        Array.from({ length }, (_, i) => {
          const sample = answer.data?.items[i]
          const position = start + i
          return sample ? (
            <Sample
              key={position}
              id={`sample-${position}`}
              sample={sample}
              names={names}
              active={active === position}
              onOpen={() => props.onOpen(position)}
            />
          ) : (
            <LoadingBlock key={position} height={rowHeight} />
          )
        })}
    </div>
  )
}

/** A model beside itself is shown once. */
function namesOf(variant: Variant, reference: Variant) {
  return { reference: variant.id === reference.id ? null : reference.name, variant: variant.name }
}

interface LargeViewProps extends GridProps {
  position: number
  onMove(position: number): void
}

function LargeView(props: LargeViewProps) {
  const { position, shape, total, onMove, variant, reference } = props
  const { page, at } = placeOf(position, shape.limit)
  const sample: Prediction | undefined = usePage(props, page, shape.limit).data?.items[at]
  const step = (by: number) => onMove(Math.min(total - 1, Math.max(0, position + by)))
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: arrow keys go on to the next sample while the dialog has the focus
    <div
      onKeyDown={event => {
        if (event.key === 'ArrowRight') step(1)
        if (event.key === 'ArrowLeft') step(-1)
      }}
    >
      {sample ? (
        <LargeSample sample={sample} names={namesOf(variant, reference)} />
      ) : (
        <LoadingBlock height={240} />
      )}
      <div className={classes.nav}>
        <ActionIcon aria-label="Previous sample" disabled={position === 0} onClick={() => step(-1)}>
          <ChevronLeft size={18} />
        </ActionIcon>
        <span className={classes.dim}>← → go through the samples</span>
        <ActionIcon
          aria-label="Next sample"
          data-autofocus
          disabled={position === total - 1}
          onClick={() => step(1)}
        >
          <ChevronRight size={18} />
        </ActionIcon>
      </div>
    </div>
  )
}

const NONE: Record<Filter, string> = {
  differ: 'Both models give the same answer on every sample.',
  broken: 'No sample that the reference gets right is wrong here.',
  fixed: 'No sample that the reference gets wrong is right here.',
  wrong: 'Every answer is right.',
  all: 'No sample was evaluated.',
}

function NoSamples({ filter }: { filter: Filter }) {
  return (
    <EmptyState icon={CircleCheck} title="No such samples">
      {NONE[filter]}
    </EmptyState>
  )
}
