import { formatBytes, formatExact, formatShare } from '../../../shared/format'
import type { QuantizePreview } from '../../../shared/quantize'
import type { Trial } from '../store/trial'
import { BeforeAfter, SpeedAfter } from '../ui/BeforeAfter'
import { dropText, isShown, lossText, METRIC_TITLES } from '../ui/losses'
import { Figure, Forecast, Was } from '../variant/Forecast'
import { metricText } from './metric-text'

interface QuantizeTilesProps {
  trial: Trial<QuantizePreview>
  /** What it would have been before the last change. */
  before: QuantizePreview | undefined
  /** Opens everything the plan says. */
  onNotes?(): void
  /** Why accuracy is not measured, where that is known. */
  unmeasured?: string | undefined
  /** Whether a share of it computes in 8 bits. */
  int8?: boolean
}

/** What the quantized model would be: what it loses on samples, speed, size, and how much of it computes in 8 bits. */
export function QuantizeTiles({ trial, before, onNotes, unmeasured, int8 = true }: QuantizeTilesProps) {
  const { answer } = trial
  return (
    <Forecast
      label="What the quantized model would be"
      trial={trial}
      asking="Making it and trying it on samples…"
      notes={answer?.notes ?? []}
      {...(onNotes ? { onNotes } : {})}
      columns={`minmax(0, 1.25fr) minmax(0, 1.25fr) minmax(0, 1fr)${int8 ? ' minmax(0, 1fr)' : ''}`}
    >
      <Accuracy preview={answer} before={before} unmeasured={unmeasured} />
      <div>
        <SpeedAfter latency={answer?.latency} of="the time of the original" tile />
        <Was>{before?.latency ? formatShare(before.latency.ratio, 0) : null}</Was>
      </div>
      <div>
        <BeforeAfter
          label="Size of the file"
          before={answer?.sizeBytes.before}
          after={answer?.sizeBytes.after}
          format={formatBytes}
          tile
        />
        <Was>{before ? formatBytes(before.sizeBytes.after) : null}</Was>
      </div>
      {int8 && <InEight of={answer?.int8} before={before?.int8} />}
    </Forecast>
  )
}

type InEightOf = QuantizePreview['int8'] | undefined

function InEight({ of, before }: { of: InEightOf; before: InEightOf }) {
  return (
    <Figure
      label="Multiplied in 8 bits"
      figure={of ? `${formatShare(of.macs, 1)} of the MACs` : undefined}
      detail={of ? `${of.nodes} ${of.nodes === 1 ? 'node computes' : 'nodes compute'} in 8 bits` : undefined}
      was={before ? formatShare(before.macs, 1) : null}
    />
  )
}

interface AccuracyProps {
  preview: QuantizePreview | undefined
  before: QuantizePreview | undefined
  unmeasured: string | undefined
}

function Accuracy({ preview, before, unmeasured }: AccuracyProps) {
  const worth = preview?.worth
  const was = before?.worth && before.worth.metric === worth?.metric ? before.worth : null
  if (!worth) {
    const known = preview !== undefined || unmeasured !== undefined
    return (
      <Figure
        label="Accuracy on samples"
        figure={known ? 'not measured' : undefined}
        detail={unmeasured ?? (known ? 'It could not be run on the samples.' : undefined)}
        was={null}
      />
    )
  }
  const { metric, reference, quantized, samples } = worth
  const name = METRIC_TITLES[metric]
  return (
    <Figure
      label={`${name.charAt(0).toUpperCase() + name.slice(1)} on ${formatExact(samples)} samples`}
      figure={`${metricText(reference, metric)} → ${metricText(quantized.value, metric)}`}
      lost={isShown(quantized.drop)}
      title="95 % interval, on the same samples; none of the test split"
      detail={
        isShown(quantized.drop)
          ? `${dropText(quantized.drop.value, metric)} lost (${dropText(quantized.drop.low, metric)} to ${dropText(quantized.drop.high, metric)})`
          : lossText(quantized.drop, metric)
      }
      was={was ? metricText(was.quantized.value, was.metric) : null}
    />
  )
}
