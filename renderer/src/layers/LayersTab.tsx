import { SegmentedControl, TextInput } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { Search } from 'lucide-react'
import { useDeferredValue, useMemo, useState } from 'react'
import type { LayerSummary, Variant } from '../../../shared/domain'
import type { PruneSensitivity } from '../../../shared/prune'
import type { QuantizeSensitivity } from '../../../shared/quantize'
import { useSensitivity } from '../prune/MeasureSensitivity'
import { useLosses, WatchLosses } from '../quantize/MeasureLoss'
import { useQuery } from '../store/query'
import type { TabProps } from '../tab-props'
import { DataTable } from '../ui/DataTable'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { Panel } from '../ui/Panel'
import { TabBody } from '../ui/TabBody'
import { Swatch } from '../ui/values'
import { columnsFor } from './columns'
import { LayerMap } from './LayerMap'
import { COLOR_BY, type ColorBy, layerColors, lossColors } from './layer-colors'
import { type LayerRow, layerRows, operatorHistogram, searchLayers } from './layer-rows'
import classes from './layers.module.css'
import { lossColumn, lossesByRow } from './loss-column'
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
  const losses = useLosses(variant.id)
  return (
    <TabBody label="Layers">
      <WatchLosses variant={variant.id} />
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
          losses={losses.data ?? null}
          variant={variant.id}
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
  /** What each layer loses in 8 bits, where it was measured. */
  losses: QuantizeSensitivity | null
  variant: string
}

function LayersView({ layers, reference, alone, sensitivity, losses, variant }: LayersViewProps) {
  const [measure, setMeasure] = useState<TreemapMeasure>('bytes')
  const [colored, setColored] = useState<ColorBy>('operator')
  const colorBy = colored === 'loss' && !losses ? 'operator' : colored
  const [selected, setSelected] = useState<number | null>(null)
  const [search, setSearch] = useState('')
  const { ref, width } = useElementSize()
  const rows = useMemo(() => layerRows(layers, reference), [layers, reference])
  const wanted = useDeferredValue(search)
  const found = useMemo(() => searchLayers(rows, wanted), [rows, wanted])
  const lost = useMemo(() => losses && lossesByRow(losses), [losses])
  const paint = useMemo(() => {
    if (colorBy === 'loss' && losses && lost) return lossColors(rows, losses, lost)
    return layerColors(rows, colorBy === 'bits' ? 'bits' : 'operator', row => row[measure] ?? 0)
  }, [rows, colorBy, measure, losses, lost])
  const columns = useMemo(() => {
    const own = columnsFor(width, alone)
    if (width > 0 && width < 540) return own
    const measured = [
      ...(sensitivity ? [sensitivityColumn(sensitivity)] : []),
      ...(losses && lost ? [lossColumn(losses, lost, variant)] : []),
    ]
    return [...own.slice(0, 3), ...measured, ...own.slice(3)]
  }, [width, alone, sensitivity, losses, lost, variant])
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
              onChange={value => setColored(COLOR_BY.find(c => c === value) ?? 'operator')}
              data={[
                { value: 'operator', label: 'Operator' },
                { value: 'bits', label: 'Bits' },
                ...(losses ? [{ value: 'loss', label: 'Loss in int8' }] : []),
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
