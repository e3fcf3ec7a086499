import { useElementSize } from '@mantine/hooks'
import { type MouseEvent, useMemo, useState } from 'react'
import { formatBytes, formatCount, formatShare } from '../../../shared/format'
import { fitted } from './layer-names'
import type { LayerRow } from './layer-rows'
import classes from './layers.module.css'
import { squarify, type Tile, type TreemapMeasure, treemapData } from './treemap'

interface LayerMapProps {
  rows: readonly LayerRow[]
  measure: TreemapMeasure
  colorOf(row: LayerRow): string
  selected: number | null
  onSelect(index: number): void
}

const HEIGHT = 250

/** Every layer as a tile whose area is its share of bytes, MACs or parameters. */
export function LayerMap({ rows, measure, colorOf, selected, onSelect }: LayerMapProps) {
  const { ref, width } = useElementSize()
  const [hover, setHover] = useState<{ tile: Tile; x: number; y: number } | null>(null)
  const data = useMemo(() => treemapData(rows, measure), [rows, measure])
  const tiles = useMemo(() => squarify(data.items, width, HEIGHT), [data, width])

  function track(event: MouseEvent, tile: Tile) {
    const box = event.currentTarget.closest('svg')?.getBoundingClientRect()
    if (box) setHover({ tile, x: event.clientX - box.left, y: event.clientY - box.top })
  }

  return (
    <div ref={ref} className={classes.map} style={{ height: HEIGHT }}>
      {data.total === 0 && (
        <div className={classes.none} style={{ height: HEIGHT }}>
          {data.unknown > 0
            ? 'The cost of every layer of this model is unknown.'
            : measure === 'macs'
              ? 'No layer of this model multiplies.'
              : 'No layer of this model has weights.'}
        </div>
      )}
      {data.total > 0 && (
        <svg width={width} height={HEIGHT} role="img" aria-label={`Layers by ${measure}`}>
          <title>{`Layers by ${measure}`}</title>
          {tiles.map(tile => {
            const row = rows[tile.index]
            return (
              // biome-ignore lint/a11y/noStaticElementInteractions: the table beside the map is the way by keyboard
              <g
                key={tile.index}
                className={classes.group}
                data-rest={row === undefined || undefined}
                data-selected={(row && selected === tile.index) || undefined}
                onMouseMove={event => track(event, tile)}
                onMouseLeave={() => setHover(null)}
                onClick={() => row && onSelect(tile.index)}
              >
                <TileView tile={tile} color={row ? colorOf(row) : 'var(--bt-faint)'} measure={measure} />
              </g>
            )
          })}
        </svg>
      )}
      {hover && (
        <Tip hover={hover} row={rows[hover.tile.index]} total={data.total} measure={measure} width={width} />
      )}
    </div>
  )
}

function TileView({ tile, color, measure }: { tile: Tile; color: string; measure: TreemapMeasure }) {
  const room = Math.floor((tile.width - 10) / 6.7)
  const label = room >= 4 && tile.height >= 18 ? fitted(tile.name, tile.op, room) : ''
  const value = amount(tile.value, measure)
  const showValue = label !== '' && tile.height >= 34 && room >= value.length
  return (
    <>
      <rect
        className={classes.tile}
        x={tile.x}
        y={tile.y}
        width={tile.width}
        height={tile.height}
        rx={3}
        style={{ fill: `color-mix(in srgb, ${color} 42%, var(--bt-panel))` }}
      />
      {label && (
        <text className={classes.label} x={tile.x + 6} y={tile.y + 15}>
          {label}
        </text>
      )}
      {showValue && (
        <text className={classes.value} x={tile.x + 6} y={tile.y + 29}>
          {value}
        </text>
      )}
    </>
  )
}

interface TipProps {
  hover: { tile: Tile; x: number; y: number }
  row: LayerRow | undefined
  total: number
  measure: TreemapMeasure
  width: number
}

function Tip({ hover, row, total, measure, width }: TipProps) {
  const { tile, x, y } = hover
  const side = x > width / 2 ? { right: width - x + 12 } : { left: x + 12 }
  const edge = y > HEIGHT / 2 ? { bottom: HEIGHT - y + 8 } : { top: y + 12 }
  return (
    <div className={classes.tip} style={{ ...side, ...edge }}>
      <div className={classes.tipName}>{tile.name}</div>
      <div className={classes.dim}>
        {row ? `${row.op} · ` : ''}
        {amount(tile.value, measure)} · {formatShare(tile.value / total, 1)}
      </div>
      {row && (
        <div className={classes.dim}>
          {formatCount(row.parameters)} parameters,{' '}
          {row.macs === null ? 'MACs unknown' : `${formatCount(row.macs)} MACs`}
        </div>
      )}
    </div>
  )
}

/** A measure's value with its unit. */
export function amount(value: number, measure: TreemapMeasure): string {
  if (measure === 'bytes') return formatBytes(value)
  return measure === 'macs' ? `${formatCount(value)} MACs` : formatCount(value)
}
