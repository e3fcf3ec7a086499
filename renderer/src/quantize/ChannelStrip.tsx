import { useElementSize } from '@mantine/hooks'
import { formatExact } from '../../../shared/format'
import { channelBars, placeText, widestChannel } from './histogram'
import classes from './why.module.css'

interface ChannelStripProps {
  channels: { min: readonly number[]; max: readonly number[] }
  /** Output channels of weights, or channels of an activation. */
  what: string
}

const HEIGHT = 56

/** The range of every channel, side by side: one that is far wider than the others makes one scale fit none of them. */
export function ChannelStrip({ channels, what }: ChannelStripProps) {
  const { ref, width } = useElementSize()
  const bars = channelBars(channels, Math.floor(Math.max(120, width) / 3))
  const low = Math.min(0, ...bars.map(b => b.min))
  const high = Math.max(0, ...bars.map(b => b.max))
  const span = high - low || 1
  const widest = widestChannel(channels)
  const y = (value: number) => ((high - value) / span) * HEIGHT
  const each = width / Math.max(1, bars.length)
  return (
    <div className={classes.channels}>
      <div className={classes.caption}>
        <span>
          Range of each of {formatExact(channels.min.length)} {what}
        </span>
        {widest && (
          <span className={classes.dim}>
            widest: {widest.channel}
            {Number.isFinite(widest.times) && `, ${times(widest.times)} the median one`}
          </span>
        )}
      </div>
      <div ref={ref} className={classes.plot} style={{ height: HEIGHT }}>
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`Range of each of ${channels.min.length} ${what}`}
        >
          <title>{`${what}: from ${placeText(low)} to ${placeText(high)}`}</title>
          <line className={classes.zero} x1={0} x2={width} y1={y(0)} y2={y(0)} />
          {bars.map((bar, i) => (
            <rect
              key={bar.first}
              className={classes.channel}
              data-widest={
                (widest && widest.channel >= bar.first && widest.channel < bar.first + bar.count) || undefined
              }
              x={i * each}
              width={Math.max(1, each - (each > 3 ? 1 : 0))}
              y={y(bar.max)}
              height={Math.max(1, y(bar.min) - y(bar.max))}
            >
              <title>{`${bar.count === 1 ? `Channel ${bar.first}` : `Channels ${bar.first} to ${bar.first + bar.count - 1}`}: ${placeText(bar.min)} to ${placeText(bar.max)}`}</title>
            </rect>
          ))}
        </svg>
      </div>
    </div>
  )
}

/** 42.3 → '42×', 1.34 → '1.3×'. */
function times(factor: number): string {
  return `${factor < 9.95 ? factor.toFixed(1) : formatExact(Math.round(factor))}×`
}
