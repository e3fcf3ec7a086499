import { useElementSize } from '@mantine/hooks'
import type { Calibration, TensorDetail } from '../../../shared/quantize'
import { axisTicks } from '../chart/scale'
import { extentOf, logBars, placeOf, placeText } from './histogram'
import { sqnrText } from './rows'
import classes from './why.module.css'
import { CALIBRATION_WORDS } from './words'

interface RangeChartProps {
  tensor: TensorDetail
  /** Calibration that is chosen for it; null where it stays in float. */
  chosen: Calibration | null
  /** Null where it cannot be chosen for one layer. */
  onChoose: ((calibration: Calibration) => void) | null
}

const HEIGHT = 104

/** Where the values of a tensor lie, on a logarithmic scale, and where each calibration cuts them. */
export function RangeChart({ tensor, chosen, onChoose }: RangeChartProps) {
  const { ref, width } = useElementSize()
  const extent = extentOf(tensor)
  const bars = logBars(tensor.histogram, extent, Math.max(24, Math.min(240, Math.floor(width / 4))))
  const range = tensor.ranges.find(r => r.calibration === chosen)
  const at = (value: number) => placeOf(value, extent) * width
  const ticks = axisTicks([extent.low, extent.high], false, Math.max(2, width / 90))
  return (
    <div className={classes.ranges}>
      <span className={classes.axisTitle}>how many, log scale</span>
      <div ref={ref} className={classes.plot} style={{ height: HEIGHT }}>
        <svg width={width} height={HEIGHT} role="img" aria-label={`Histogram of ${tensor.name}`}>
          <title>{`Values of ${tensor.name}, from ${placeText(tensor.min)} to ${placeText(tensor.max)}`}</title>
          {bars.map((height, i) => (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: bars are places on an axis
              key={i}
              className={classes.bar}
              x={(i / bars.length) * width}
              width={Math.max(0.5, width / bars.length - 0.5)}
              y={HEIGHT - height * (HEIGHT - 6)}
              height={height * (HEIGHT - 6)}
              data-cut={(range && isCut(i, bars.length, extent, range)) || undefined}
            />
          ))}
          {range && (
            <>
              <rect className={classes.cut} x={0} y={0} width={Math.max(0, at(range.min))} height={HEIGHT} />
              <rect
                className={classes.cut}
                x={at(range.max)}
                y={0}
                width={Math.max(0, width - at(range.max))}
                height={HEIGHT}
              />
              {[range.min, range.max].map((edge, i) => (
                <line
                  key={i === 0 ? 'min' : 'max'}
                  className={classes.edge}
                  x1={Math.min(width - 1, Math.max(1, at(edge)))}
                  x2={Math.min(width - 1, Math.max(1, at(edge)))}
                  y1={0}
                  y2={HEIGHT}
                />
              ))}
            </>
          )}
        </svg>
      </div>
      <span />
      <span />
      <div className={classes.ticks} aria-hidden>
        {ticks.map(tick => (
          <span key={tick} style={{ left: `${placeOf(tick, extent) * 100}%` }}>
            {placeText(tick)}
          </span>
        ))}
      </div>
      <span className={classes.axisTitle}>SQNR</span>
      {tensor.ranges.map(r => (
        <RangeLine
          key={r.calibration}
          tensor={tensor}
          range={r}
          left={placeOf(r.min, extent)}
          right={placeOf(r.max, extent)}
          chosen={r.calibration === chosen}
          onChoose={tensor.ranges.length > 1 ? onChoose : null}
        />
      ))}
    </div>
  )
}

function isCut(
  bar: number,
  bars: number,
  extent: { low: number; high: number },
  range: TensorDetail['ranges'][0],
) {
  const middle = extent.low + ((bar + 0.5) / bars) * (extent.high - extent.low)
  return middle < range.min || middle > range.max
}

interface RangeLineProps {
  tensor: TensorDetail
  range: TensorDetail['ranges'][0]
  left: number
  right: number
  chosen: boolean
  onChoose: ((calibration: Calibration) => void) | null
}

/** The range that one calibration represents, below the histogram; chosen by a click. */
function RangeLine({ tensor, range, left, right, chosen, onChoose }: RangeLineProps) {
  const { title, about } = CALIBRATION_WORDS[range.calibration]
  const said = `${title}: ${placeText(range.min)} to ${placeText(range.max)}, signal to noise ${sqnrText(range.sqnr)}`
  const line = (
    <>
      <span className={classes.rangeName}>{title}</span>
      <span className={classes.rangeTrack}>
        <span style={{ left: `${left * 100}%`, width: `max(2px, ${(right - left) * 100}%)` }} />
      </span>
      <span className={classes.rangeSqnr}>{sqnrText(range.sqnr)}</span>
    </>
  )
  if (!onChoose) {
    return (
      <div className={classes.range} data-chosen={chosen || undefined} title={said}>
        {line}
      </div>
    )
  }
  return (
    <button
      type="button"
      className={classes.range}
      aria-pressed={chosen}
      aria-label={`${said}${tensor.role === 'weight' ? '' : '; for this layer'}`}
      title={`${said}\n${about}`}
      data-chosen={chosen || undefined}
      onClick={() => onChoose(range.calibration)}
    >
      {line}
    </button>
  )
}
