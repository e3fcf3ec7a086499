import { memo } from 'react'
import { formatMs, formatShare } from '../../../shared/format'
import type { QuantizePoint } from '../../../shared/quantize'
import { dropColor, dropText, isShown, type LossMetric, level, lossText } from '../ui/losses'
import classes from './list.module.css'
import { type Row, sqnrText } from './rows'

interface LayerBarProps {
  id: string
  row: Row
  metric: LossMetric
  scale: number
  timed: boolean
  selected: boolean
  top: number
  height: number
  onSelect(id: string): void
}

/** One layer: its name and what is chosen for it, bars of what it loses with their intervals, and its time. */
export const LayerBar = memo(function LayerBar(props: LayerBarProps) {
  const { id, row, metric, scale, timed, selected, top, height, onSelect } = props
  const { layer, label, choice } = row
  const { whole, weights, activations } = layer
  const shown = isShown(whole.drop)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles keys for all its rows
    <div
      id={id}
      role="option"
      aria-selected={selected}
      // The list has the focus, and says which row it is at.
      tabIndex={-1}
      className={classes.row}
      style={{ height, transform: `translateY(${top}px)` }}
      data-float={choice.float !== null || undefined}
      title={titleOf(row, metric)}
      onClick={() => onSelect(layer.id)}
    >
      <span className={classes.name}>
        <span className="ellipsis">{label}</span>
        <span className={classes.tags}>
          {layer.op}
          {choice.float !== null ? <b>float</b> : <Chosen row={row} />}
        </span>
      </span>
      <span className={classes.bars}>
        <Bar point={whole} part="whole" scale={scale} />
        <Bar point={weights} part="weights" scale={scale} />
        <Bar point={activations} part="activations" scale={scale} />
      </span>
      <span className={classes.numbers}>
        <span style={shown ? { color: dropColor(whole.drop, scale), fontWeight: 600 } : undefined}>
          {dropText(whole.drop.value, metric)}
        </span>
        <span className={classes.dim}>{sqnrText(whole.sqnr)}</span>
      </span>
      {timed && (
        <span className={classes.numbers}>
          <span>{layer.milliseconds === null ? '–' : formatMs(layer.milliseconds)}</span>
          <span className={classes.dim}>{formatShare(layer.macs, layer.macs < 0.0995 ? 1 : 0)} MACs</span>
        </span>
      )}
    </div>
  )
})

function Chosen({ row: { choice } }: { row: Row }) {
  return (
    <>
      {choice.wide && <b>16 bits</b>}
      {choice.calibration && <b>{choice.calibration}</b>}
    </>
  )
}

interface BarProps {
  point: QuantizePoint | null
  part: 'whole' | 'weights' | 'activations'
  scale: number
}

function Bar({ point, part, scale }: BarProps) {
  if (!point) return <span className={classes.track} data-part={part} />
  const { drop } = point
  const color = dropColor(drop, scale)
  const at = (loss: number) => `${level(loss, scale) * 100}%`
  return (
    <span className={classes.track} data-part={part}>
      <span
        className={classes.fill}
        data-part={part}
        style={{ width: at(drop.value), color }}
        data-none={!isShown(drop) || undefined}
      />
      {part === 'whole' && drop.high > 0 && (
        <span
          className={classes.whisker}
          style={{
            left: at(drop.low),
            width: `${(level(drop.high, scale) - level(drop.low, scale)) * 100}%`,
          }}
        />
      )}
    </span>
  )
}

function titleOf({ layer, choice }: Row, metric: LossMetric): string {
  const part = (name: string, point: QuantizePoint | null) =>
    point ? [`${name}: ${lossText(point.drop, metric)}, ${sqnrText(point.sqnr)}`] : []
  return [
    layer.node,
    ...part('Whole layer in 8 bits', layer.whole),
    ...part('Weights alone', layer.weights),
    ...part('Activations alone', layer.activations),
    `${formatShare(layer.macs, 1)} of the MACs, ${formatShare(layer.parameters, 1)} of the parameters`,
    ...(choice.float ? ['Left in float'] : []),
  ].join('\n')
}
