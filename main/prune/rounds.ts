/** A training in rounds, told as one: its curves go on where the round before ended. */

import type { TrainingRecord } from '../../shared/training'
import type { TaskContext } from '../jobs/context'
import type { ApplyInput } from '../technique'

/** Records of rounds that are over, and the one at hand, as one run of all of them. */
export function joinRecords(records: readonly TrainingRecord[], rounds: number): TrainingRecord | undefined {
  const last = records.at(-1)
  if (!last || rounds === 1) return last
  const before = records.slice(0, -1)
  const joined: TrainingRecord = {
    ...last,
    totalEpochs: last.totalEpochs * rounds,
    points: [],
    epochs: [],
    notes: [...new Set(records.flatMap(record => record.notes))],
    ended: records.length === rounds ? last.ended : null,
    best: last.best && { ...last.best, epoch: last.best.epoch + before.length * last.totalEpochs },
  }
  for (const [round, record] of records.entries()) {
    const epochs = round * last.totalEpochs
    const steps = epochs * last.stepsPerEpoch
    joined.points.push(...record.points.map(p => ({ ...p, epoch: p.epoch + epochs, step: p.step + steps })))
    joined.epochs.push(...record.epochs.map(e => ({ ...e, epoch: e.epoch + epochs })))
  }
  return joined
}

/** What each round is run with, so that all of them tell one record. */
export function roundRuns(run: ApplyInput, rounds: number): (round: number) => ApplyInput {
  const done: TrainingRecord[] = []
  return round => {
    const tell = (record: TrainingRecord) => joinRecords([...done.slice(0, round), record], rounds) ?? record
    const { training } = run.context
    const context: TaskContext = {
      ...run.context,
      progress: (fraction, stage) => run.context.progress((round + fraction) / rounds, stage),
      log: line => run.context.log(line),
      ...(training ? { training: record => training(tell(record)) } : {}),
    }
    return {
      ...run,
      context,
      record: record => {
        done[round] = record
        run.record(tell(record))
      },
    }
  }
}
