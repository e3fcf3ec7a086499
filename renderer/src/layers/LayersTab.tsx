import { SegmentedControl, TextInput } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { Search } from 'lucide-react'
import { useDeferredValue, useMemo, useState } from 'react'
import type { LayerSummary, Variant } from '../../../shared/domain'
import { formatBytes, formatCount } from '../../../shared/format'
import type { PruneSensitivity } from '../../../shared/prune'
import { useSensitivity } from '../prune/MeasureSensitivity'
import { useQuery } from '../store/query'
import type { TabProps } from '../tab-props'
import { type Column, DataTable } from '../ui/DataTable'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { Panel } from '../ui/Panel'
import { TabBody } from '../ui/TabBody'
import { PathText, Swatch } from '../ui/values'
import { LayerMap } from './LayerMap'
import { type ColorBy, layerColors } from './layer-colors'
import { byteRatio, type LayerRow, layerRows, operatorHistogram, searchLayers, shapeText } from './layer-rows'
import classes from './layers.module.css'
import { sensitivityColumn } from './sensitivity-column'
import type { TreemapMeasure } from './treemap'

/** The model's layers: where bytes and multiplications are, and what became of them. */
export function LayersTab({ variant, reference }: TabProps) {
  const alone = variant.id === reference.id
  const own = useQuery(`study/${variant.id}/layers`, c => c.variants.layers({ id: variant.id }))
  const other = useQuery(alone ? null : `study/${reference.id}/layers`, c =>
    c.variants.layers({ id: reference.id }),
  )
  const sensitivity = useSensitivity(variant.id)
  return (
    <TabBody label="Layers">
      {own.error && <ErrorNotice error={own.error} />}
      {own.data === undefined && !own.error && (
        <>
          <LoadingBlock height={350} />
          <LoadingBlock height={460} />
        </>
      )}
      {own.data && (
        <LayersView
          key={variant.id}
          layers={own.data}
          reference={alone ? undefined : other.data}
          alone={alone}
          sensitivity={sensitivity.data ?? null}
        />
      )}
      <OperatorPanel variant={variant} reference={alone ? null : reference} />
    </TabBody>
  )
}

interface LayersViewProps {
  layers: readonly LayerSummary[]
  reference: readonly LayerSummary[] | undefined
  alone: boolean
  /** What each part matters, where it was measured. */
  sensitivity: PruneSensitivity | null
}

function LayersView({ layers, reference, alone, sensitivity }: LayersViewProps) {
  const [measure, setMeasure] = useState<TreemapMeasure>('bytes')
  const [colorBy, setColorBy] = useState<ColorBy>('operator')
  const [selected, setSelected] = useState<number | null>(null)
  const [search, setSearch] = useState('')
  const { ref, width } = useElementSize()
  const rows = useMemo(() => layerRows(layers, reference), [layers, reference])
  const wanted = useDeferredValue(search)
  const found = useMemo(() => searchLayers(rows, wanted), [rows, wanted])
  const paint = useMemo(() => layerColors(rows, colorBy, row => row[measure] ?? 0), [rows, colorBy, measure])
  const columns = useMemo(() => {
    const own = columnsFor(width, alone)
    const lost = sensitivity && sensitivityColumn(sensitivity)
    return lost && (width === 0 || width >= 540) ? [...own.slice(0, 3), lost, ...own.slice(3)] : own
  }, [width, alone, sensitivity])
  const unknown = rows.filter(r => r.macs === null).length

  function choose(index: number) {
    setSelected(index)
    if (!found.some(r => r.index === index)) setSearch('')
  }

  return (
    <>
      <Panel
        title="Where it is"
        actions={
          <div className={classes.bar}>
            <SegmentedControl
              aria-label="Area"
              value={measure}
              onChange={value => setMeasure(measureOf(value))}
              data={[
                { value: 'bytes', label: 'Bytes' },
                { value: 'macs', label: 'MACs' },
              ]}
            />
            <SegmentedControl
              aria-label="Colour"
              value={colorBy}
              onChange={value => setColorBy(value === 'bits' ? 'bits' : 'operator')}
              data={[
                { value: 'operator', label: 'Operator' },
                { value: 'bits', label: 'Bits' },
              ]}
            />
          </div>
        }
      >
        <LayerMap
          rows={rows}
          measure={measure}
          colorOf={paint.colorOf}
          selected={selected}
          onSelect={choose}
        />
        <div className={classes.legend}>
          {paint.key.map(entry => (
            <span key={entry.label}>
              <Swatch color={entry.color} />
              {entry.label}
            </span>
          ))}
          {measure === 'macs' && unknown > 0 && (
            <span>
              {unknown} {unknown === 1 ? 'layer' : 'layers'} of unknown cost not drawn
            </span>
          )}
        </div>
      </Panel>
      <Panel
        title={
          found.length === rows.length
            ? layerCount(rows.length)
            : `${found.length} of ${layerCount(rows.length)}`
        }
        flush
        actions={
          <TextInput
            leftSection={<Search size={13} />}
            placeholder="Name or operator"
            aria-label="Search layers"
            value={search}
            onChange={event => setSearch(event.currentTarget.value)}
            w="11rem"
          />
        }
      >
        <div ref={ref} className={classes.table} style={{ height: Math.min(rows.length, 13) * 30 + 34 }}>
          <DataTable
            label="Layers"
            columns={columns}
            rows={found}
            rowKey={rowKey}
            initialSort={{ column: 'bytes', descending: true }}
            selected={selected === null ? null : String(selected)}
            onSelect={row => setSelected(row.index)}
            empty={`No layer matches “${wanted}”.`}
          />
        </div>
      </Panel>
    </>
  )
}

function layerCount(count: number): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'layer' : 'layers'}`
}

function measureOf(value: string): TreemapMeasure {
  return value === 'macs' ? 'macs' : 'bytes'
}

function rowKey(row: LayerRow): string {
  return String(row.index)
}

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
function columnsFor(width: number, alone: boolean): Column<LayerRow>[] {
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

function OperatorPanel({ variant, reference }: { variant: Variant; reference: Variant | null }) {
  const counts = operatorHistogram(variant.summary.operators, reference?.summary.operators)
  const most = Math.max(1, ...counts.map(c => c.count))
  return (
    <Panel title="Operators">
      <div className={classes.ops}>
        {counts.map(({ op, count, reference: before }) => {
          const change = before === undefined ? 0 : count - before
          return (
            <div key={op} className={classes.op}>
              <span className="ellipsis" title={op}>
                {op}
              </span>
              <span className={classes.opBar}>
                <span style={{ width: `${(count / most) * 100}%` }} />
              </span>
              <span
                className={classes.opCount}
                title={before === undefined ? undefined : `${before} in the reference`}
              >
                {count}
                {change !== 0 && (
                  <span className={classes.dim}> ({change > 0 ? `+${change}` : `−${-change}`})</span>
                )}
              </span>
            </div>
          )
        })}
      </div>
    </Panel>
  )
}
