/** What a training run is and did, in words. */
import type { Job } from '../../../shared/domain'
import { formatCount, formatDuration, formatExact } from '../../../shared/format'
import type { TrainingRecord } from '../../../shared/training'

/** Epoch at hand, from 1 on. */
export function epochNow(record: TrainingRecord): number {
  const done = record.points.at(-1)?.epoch ?? record.epochs.length
  return Math.min(record.totalEpochs, Math.floor(done + 1e-9) + 1)
}

/** 'Epoch 3 of 20', or how it ended. */
export function placeText(record: TrainingRecord): string {
  // An epoch that was cut short when asked counts by its share.
  const done = Number((record.epochs.at(-1)?.epoch ?? 0).toFixed(1))
  if (record.ended === null) return `Epoch ${epochNow(record)} of ${record.totalEpochs}`
  return done === record.totalEpochs
    ? `${done} ${done === 1 ? 'epoch' : 'epochs'}`
    : `${done} of ${record.totalEpochs} epochs`
}

/** Why it ended; empty while it goes on. */
export function endText(record: TrainingRecord): string {
  switch (record.ended) {
    case null:
      return ''
    case 'done':
      return 'All epochs were trained.'
    case 'early':
      return 'Stopped early: the validation did not get better any more.'
    case 'asked':
      return 'Finished when asked; the best weights were kept.'
    case 'diverged':
      return 'Stopped because the loss was no longer a number; the best weights before that were kept.'
  }
}

/** Seconds the epochs took together. */
export function secondsTaken(record: TrainingRecord): number {
  return record.epochs.reduce((sum, e) => sum + e.seconds, 0)
}

/** Seconds until the last epoch; null until it can be told. */
export function secondsLeft(record: TrainingRecord): number | null {
  if (record.ended !== null || record.samplesPerSecond <= 0) return null
  const done = record.points.at(-1)?.epoch ?? 0
  return (Math.max(0, record.totalEpochs - done) * record.samples.train) / record.samplesPerSecond
}

export function samplesText({ samples }: TrainingRecord): string {
  const held =
    samples.validation > 0 ? `${formatExact(samples.validation)} for validation` : 'none for validation'
  return held
}

export function rateText(record: TrainingRecord): string {
  return record.samplesPerSecond > 0 ? `${formatCount(Math.round(record.samplesPerSecond))} samples/s` : '–'
}

/** '4 min 12 s left', '6 min 3 s', 'paused'. */
export function timeText(record: TrainingRecord, job: Job | null): string {
  if (job?.state === 'paused') return 'paused'
  const left = secondsLeft(record)
  if (record.ended === null && left !== null) return `${formatDuration(left)} left`
  const taken = secondsTaken(record)
  return taken > 0 ? formatDuration(taken) : '–'
}

/** Where the best weights are from: 'epoch 3', 'epoch 1.23' of one cut short, 'before training'. */
export function bestText({ epoch }: { epoch: number }): string {
  return epoch === 0 ? 'before training' : `epoch ${Number(epoch.toFixed(2))}`
}
