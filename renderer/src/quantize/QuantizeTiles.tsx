import { Loader } from '@mantine/core'
import { formatBytes, formatExact, formatShare } from '../../../shared/format'
import type { QuantizePreview } from '../../../shared/quantize'
import type { Trial } from '../store/trial'
import { BeforeAfter, SpeedAfter } from '../ui/BeforeAfter'
import { ErrorNotice } from '../ui/ErrorNotice'
import { dropText, isShown, lossText, METRIC_TITLES } from '../ui/losses'
import { metricText } from './metric-text'
import classes from './quantize.module.css'

interface QuantizeTilesProps {
  trial: Trial<QuantizePreview>
  /** What it would have been before the last change. */
  before: QuantizePreview | undefined
}

/** What the quantized model would be: accuracy on samples, speed, size and how much of it computes in 8 bits. */
export function QuantizeTiles({ trial, before }: QuantizeTilesProps) {
  const { answer, error, asking, stale } = trial
  return (
    <section className={classes.preview} aria-label="What the quantized model would be" aria-live="polite">
      {error ? (
        <ErrorNotice error={error} />
      ) : (
        <div className={classes.tiles} data-stale={stale || undefined}>
          <Accuracy preview={answer} before={before} />
          <div>
            <SpeedAfter latency={answer?.latency} of="the time in float" tile />
            {before?.latency && <Was>{formatShare(before.latency.ratio, 0)}</Was>}
          </div>
          <div>
            <BeforeAfter
              label="Size of the file"
              before={answer?.sizeBytes.before}
              after={answer?.sizeBytes.after}
              format={formatBytes}
              tile
            />
            {before && <Was>{formatBytes(before.sizeBytes.after)}</Was>}
          </div>
          <div>
            <span className={classes.label}>Multiplied in 8 bits</span>
            <div className={classes.figure}>
              {answer ? `${formatShare(answer.macs, 1)} of the MACs` : '…'}
            </div>
            <div className={classes.detail}>
              {answer
                ? `${answer.nodes} ${answer.nodes === 1 ? 'node computes' : 'nodes compute'} in 8 bits`
                : ' '}
            </div>
            {before && <Was>{formatShare(before.macs, 1)}</Was>}
          </div>
          {asking && (
            <span className={classes.asking}>
              <Loader size={12} aria-hidden />
              <span role="status">Trying it on samples…</span>
            </span>
          )}
        </div>
      )}
    </section>
  )
}

function Accuracy({
  preview,
  before,
}: {
  preview: QuantizePreview | undefined
  before: QuantizePreview | undefined
}) {
  if (!preview) {
    return (
      <div>
        <span className={classes.label}>Accuracy on samples</span>
        <div className={classes.figure}>…</div>
      </div>
    )
  }
  const { metric, reference, quantized, samples } = preview
  const name = METRIC_TITLES[metric]
  return (
    <div>
      <span className={classes.label}>
        {name.charAt(0).toUpperCase() + name.slice(1)} on {formatExact(samples)} samples
      </span>
      <div className={classes.figure} data-lost={isShown(quantized.drop) || undefined}>
        {metricText(reference, metric)} → {metricText(quantized.value, metric)}
      </div>
      <div className={classes.detail} title="95 % interval, on the same samples; none of the test split">
        {isShown(quantized.drop)
          ? `${dropText(quantized.drop.value, metric)} lost (${dropText(quantized.drop.low, metric)} to ${dropText(quantized.drop.high, metric)})`
          : lossText(quantized.drop, metric)}
      </div>
      {before && before.metric === metric && <Was>{metricText(before.quantized.value, before.metric)}</Was>}
    </div>
  )
}

/** The same before the last change. */
function Was({ children }: { children: string }) {
  return <div className={classes.was}>before the last change: {children}</div>
}
