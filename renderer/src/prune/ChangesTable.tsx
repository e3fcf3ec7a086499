import { useElementSize } from '@mantine/hooks'
import { formatCount, formatMs, formatShare } from '../../../shared/format'
import { type Column, DataTable } from '../ui/DataTable'
import { PathText } from '../ui/values'
import { keepOf, type Part } from './parts'
import classes from './prune.module.css'
import { KIND_TITLES } from './words'

const COLUMNS: readonly Column<Part>[] = [
  {
    id: 'layer',
    title: 'Layer',
    width: 'minmax(9rem, 2.4fr)',
    value: p => p.label,
    render: p => <PathText text={p.label} />,
  },
  {
    id: 'kind',
    title: 'Kind',
    width: 'minmax(5.5rem, 0.9fr)',
    value: p => KIND_TITLES[p.kind],
  },
  {
    id: 'from',
    title: 'Before',
    width: 'minmax(4rem, 0.6fr)',
    align: 'right',
    value: p => p.from,
    render: p => formatCount(p.from),
  },
  {
    id: 'to',
    title: 'After',
    width: 'minmax(4rem, 0.6fr)',
    align: 'right',
    value: p => p.to,
    render: p => (p.to === null ? '…' : formatCount(p.to)),
  },
  {
    id: 'kept',
    title: 'Kept',
    width: 'minmax(4rem, 0.6fr)',
    align: 'right',
    value: keepOf,
    render: p => formatShare(keepOf({ ...p, chosen: null }), 0),
  },
  {
    id: 'macs',
    title: 'Frees MACs',
    width: 'minmax(5.5rem, 0.8fr)',
    align: 'right',
    value: p => p.frees?.macs ?? null,
    render: p => (p.frees ? formatCount(p.frees.macs) : '…'),
  },
  {
    id: 'parameters',
    title: 'Parameters',
    width: 'minmax(5.5rem, 0.8fr)',
    align: 'right',
    value: p => p.frees?.parameters ?? null,
    render: p => (p.frees ? formatCount(p.frees.parameters) : '…'),
  },
]

const TIME: Column<Part> = {
  id: 'time',
  title: 'Time',
  width: 'minmax(4.5rem, 0.6fr)',
  align: 'right',
  value: p => p.milliseconds,
  render: p => (p.milliseconds === null ? '–' : formatMs(p.milliseconds)),
}

/** Columns that fit: the least telling ones go first as the table narrows. */
function columnsFor(width: number, timed: boolean): Column<Part>[] {
  const gone =
    width === 0 || width >= 680 ? [] : width >= 540 ? ['parameters'] : ['parameters', 'kind', 'kept']
  const all = timed && (width === 0 || width >= 420) ? [...COLUMNS, TIME] : COLUMNS
  return all.filter(column => !gone.includes(column.id))
}

/** Every change of the plan, before and after. Fills its parent, which is a column of a height. */
export function ChangesTable({ parts }: { parts: readonly Part[] }) {
  const { ref, width } = useElementSize()
  const timed = parts.some(p => p.milliseconds !== null)
  return (
    <div ref={ref} className={classes.table}>
      <DataTable
        label="Changes"
        columns={columnsFor(width, timed)}
        rows={parts}
        rowKey={part => part.id}
        empty="The plan changes nothing."
      />
    </div>
  )
}
