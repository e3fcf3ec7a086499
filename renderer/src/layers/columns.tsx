/** Columns of the table of layers. */
import { formatBytes, formatCount } from '../../../shared/format'
import type { Column } from '../ui/DataTable'
import { PathText } from '../ui/values'
import { byteRatio, type LayerRow, shapeText } from './layer-rows'
import classes from './layers.module.css'

const COLUMNS: readonly Column<LayerRow>[] = [
  { id: 'index', title: '#', width: '2.6rem', align: 'right', value: r => r.index, render: r => r.index + 1 },
  {
    id: 'name',
    title: 'Layer',
    width: 'minmax(7rem, 2.2fr)',
    value: r => r.name,
    render: r => <PathText text={r.name} />,
  },
  {
    id: 'op',
    title: 'Operator',
    width: 'minmax(4.6rem, 1.1fr)',
    value: r => r.op,
    render: r => <span title={r.op}>{r.op}</span>,
  },
  {
    id: 'bytes',
    title: 'Bytes',
    width: 'minmax(4.2rem, 0.8fr)',
    align: 'right',
    value: r => r.bytes,
    render: r => (r.bytes === 0 ? <span className={classes.dim}>0</span> : formatBytes(r.bytes)),
  },
  {
    id: 'parameters',
    title: 'Params',
    width: 'minmax(3.8rem, 0.7fr)',
    align: 'right',
    value: r => r.parameters,
    render: r => (r.parameters === 0 ? <span className={classes.dim}>0</span> : formatCount(r.parameters)),
  },
  {
    id: 'macs',
    title: 'MACs',
    width: 'minmax(4.4rem, 0.8fr)',
    align: 'right',
    value: r => r.macs,
    render: r => macsCell(r.macs),
  },
  {
    id: 'shape',
    title: 'Output',
    width: 'minmax(6.5rem, 1.3fr)',
    align: 'right',
    value: r => (r.outputShape === null ? null : shapeText(r.outputShape)),
    render: r => (
      <span className={r.outputShape ? undefined : classes.dim} title={shapeText(r.outputShape)}>
        {shapeText(r.outputShape)}
      </span>
    ),
  },
]

const CHANGE: Column<LayerRow> = {
  id: 'change',
  title: 'vs reference',
  width: 'minmax(5.4rem, 0.8fr)',
  align: 'right',
  value: byteRatio,
  render: row => changeCell(row),
}
const COMPARED = [...COLUMNS.slice(0, 4), CHANGE, ...COLUMNS.slice(4)]

/** Columns that fit: the least telling ones go first as the panel narrows. */
export function columnsFor(width: number, alone: boolean): Column<LayerRow>[] {
  const all = alone ? COLUMNS : COMPARED
  const gone =
    width === 0 || width >= 720 ? [] : width >= 540 ? ['shape', 'index'] : ['shape', 'index', 'parameters']
  const tight = width > 0 && width < 540 && !alone ? ['op'] : []
  return all.filter(c => !gone.includes(c.id) && !tight.includes(c.id))
}

function macsCell(macs: number | null) {
  if (macs === null) return <span className={classes.dim}>unknown</span>
  return macs === 0 ? <span className={classes.dim}>0</span> : formatCount(macs)
}

function changeCell(row: LayerRow) {
  const ratio = byteRatio(row)
  if (ratio === null) return <span className={classes.dim}>–</span>
  const title = `${formatBytes(row.referenceBytes ?? 0)} in the reference`
  if (ratio === 1) {
    return (
      <span className={classes.dim} title={title}>
        same
      </span>
    )
  }
  const percent = Math.round((ratio - 1) * 100)
  return (
    <span className={ratio < 1 ? classes.smaller : classes.larger} title={title}>
      {ratio < 1 ? `−${Math.abs(percent)} %` : `+${percent} %`}
    </span>
  )
}
