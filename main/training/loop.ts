/**
 * The training loop. What it does at a step depends on the seed, the step's number and the state at hand alone, so that
 * a run taken up from a checkpoint goes on as if it had never stopped, bit for bit.
 */
import type { Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { CommonOptions, TrainingEpoch, TrainingRecord } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import type { Model } from '../onnx/model'
import type { Augmenter } from './augment'
import {
  type Checkpoint,
  type CheckpointState,
  readCheckpoint,
  removeCheckpoint,
  writeCheckpoint,
} from './checkpoint'
import { openOn } from './device'
import { type Forward, openForward } from './forward'
import { type MetricKind, MetricSum } from './metric'
import { mixUp } from './mixup'
import { labelFeeds, type Objective } from './objective'
import { epochOrder, randomAt } from './order'
import { openProven, type Trial } from './proof'
import { addStep, emptySums, isBetter } from './record'
import type { Samples } from './samples'
import { learningRate } from './schedule'
import type { TrainingStep } from './step'
import type { TeacherValues } from './teacher'
import { WeightSet } from './weights'

export interface TrainingRun {
  /** The net in inference form; its trainable weights and statistics are initializers. */
  net: Model
  /** Value of the net that the metric is taken of. */
  logits: string
  objective: Objective
  /** Weights to train, projectors included. */
  wrt: readonly string[]
  options: CommonOptions
  peakRate: number
  seed: number
  device: Device
  threads: number
  dataset: Dataset
  samples: Samples
  train: Uint32Array
  validation: Uint32Array
  metric: MetricKind
  augmenter: Augmenter | null
  teachers: TeacherValues | undefined
  /** The teacher's answers that the metrics agreement and distance compare with. */
  answers: ((indices: Uint32Array) => Promise<Float32Array>) | undefined
  /** Empty at the start: parts, metric, sizes and the teacher's measure are filled in. */
  record: TrainingRecord
  /** Of everything above: checkpoints of another run are refused. */
  identity: string
}

/** Seconds between two checkpoints, and between two reports to the screen. */
const CHECKPOINT_SECONDS = 20
const REPORT_SECONDS = 0.4
/** A loss that has grown by so much will not come back. */
const GROWN = 1e4
/** Steps without an overflow before the loss scale is doubled (Micikevicius et al. 2018). */
const SCALE_UP = 2000
const LARGEST_SCALE = 2 ** 24

/**
 * Trains. Returns the weights and statistics of the best epoch (the last one without validation samples) and the
 * record. Throws `bad-option` when it diverges before any epoch was measured, `paused` after saving its place.
 */
export async function trainLoop(
  run: TrainingRun,
  context: TaskContext,
): Promise<{ values: Map<string, Float32Array>; record: TrainingRecord }> {
  const { options, objective } = run
  context.progress(0, 'Building the training graph')
  const opened = {
    model: objective.model,
    loss: objective.loss,
    parts: objective.parts.map(p => p.output),
    wrt: run.wrt,
    optimizer: {
      kind: options.optimizer,
      weightDecay: options.weightDecay,
      ...(options.optimizer === 'sgd' ? { momentum: options.momentum } : {}),
      ...(options.ema > 0 ? { ema: options.ema } : {}),
      accumulate: options.accumulate > 1,
    },
    shapes: run.record.samples.train > 0 ? shapesOf(run) : {},
    frozenStatistics: options.batchNorm === 'freeze',
    scaled: options.lossScale > 0,
    threads: run.threads,
  }
  const { step, device } = await openOn(run.device, 'The training', run.record.notes, async on => ({
    step: await openProven({ ...opened, device: on }, trialOf(run)),
    device: on,
  }))
  run.record.device = device
  try {
    // A device that was refused does not measure either.
    const loop = new Loop({ ...run, device }, step, context)
    return await loop.run()
  } finally {
    await step.close()
  }
}

/** The first samples as a batch. */
function trialOf(run: TrainingRun): Trial {
  const { samples, teachers, objective, options, seed } = run
  return {
    async feeds() {
      const indices = run.train.slice(0, options.batch)
      const { feeds, labels } = await samples.batch(indices)
      const random = randomAt(seed, 'mixup', 0)
      const mix = options.mixup > 0 ? mixUp(feeds, indices.length, options.mixup, random) : undefined
      const targets = (await teachers?.targets(feeds, indices)) ?? {}
      return { ...feeds, ...targets, ...labelFeeds(objective.labels, labels, mix) }
    },
    random: () => randomAt(seed, 'dropout', 0),
  }
}

/** Shapes of a batch: what a sample's says, with the batch before it. */
function shapesOf({ dataset, options }: TrainingRun): Record<string, (number | string)[]> {
  return Object.fromEntries(dataset.summary.inputs.map(i => [i.name, [options.batch, ...i.shape]]))
}

class Loop {
  private state: CheckpointState
  private best: WeightSet | undefined
  private readonly weights: WeightSet
  private readonly steps: number
  private lastCheckpoint = performance.now()
  private lastReport = 0

  constructor(
    private readonly r: TrainingRun,
    private readonly step: TrainingStep,
    private readonly context: TaskContext,
  ) {
    const { record, options, identity } = r
    this.weights = new WeightSet(r.wrt, step, options.ema > 0)
    this.steps = record.totalEpochs * record.stepsPerEpoch
    this.state = {
      version: 1,
      identity,
      epoch: 0,
      step: 0,
      record,
      sums: emptySums(record.parts.length),
      firstLoss: null,
      epochLoss: 0,
      epochSeconds: 0,
      waited: 0,
      lossScale: options.lossScale || 1,
      cleanSteps: 0,
      bestValidation: null,
    }
  }

  async run(): Promise<{ values: Map<string, Float32Array>; record: TrainingRecord }> {
    const forward = this.r.validation.length > 0 ? await this.openForward() : undefined
    try {
      if (!(await this.resume()) && forward) await this.measureStart(forward)
      const { record } = this.state
      while (!record.ended && this.state.epoch < record.totalEpochs) await this.epoch(forward)
      record.ended ??= 'done'
      this.report(true)
      const best = record.best ? this.best : undefined
      return { values: (best ?? this.weights.copy()).values(), record }
    } finally {
      await forward?.close()
    }
  }

  private openForward(): Promise<Forward> {
    const { net, logits, device, threads } = this.r
    return openOn(device, 'The measuring', this.state.record.notes, on =>
      openForward(net, logits, this.weights.views(), { device: on, threads }),
    )
  }

  private async resume(): Promise<boolean> {
    const { keepDir } = this.context
    const saved = keepDir ? await readCheckpoint(keepDir, this.r.identity) : undefined
    if (!saved) return false
    this.state = saved.state
    const { record } = this.state
    record.ended = null
    record.device = this.r.record.device
    for (const note of this.r.record.notes) if (!record.notes.includes(note)) record.notes.push(note)
    this.step.optimizer.load(saved.blobs.optimizer)
    this.weights.loadStatistics(saved.blobs.statistics)
    if (saved.blobs.best.length > 0) this.best = this.weights.parse(saved.blobs.best)
    this.context.log(`Taken up at epoch ${this.state.epoch + 1}, step ${this.state.step}.`)
    return true
  }

  /** The net as it comes is the first candidate: training must not make it worse. */
  private async measureStart(forward: Forward): Promise<void> {
    const validation = await this.validate(forward)
    this.state.bestValidation = validation
    this.state.record.best = { epoch: 0, metric: validation.metric }
    this.best = this.weights.copy()
  }

  private async epoch(forward: Forward | undefined): Promise<void> {
    const { state } = this
    const { record } = state
    const order = epochOrder(this.r.train, this.r.seed, state.epoch)
    let since = performance.now()
    const addTime = () => {
      state.epochSeconds += (performance.now() - since) / 1000
      since = performance.now()
    }
    while (state.step < record.stepsPerEpoch) {
      if (!(await this.oneStep(order))) return
      addTime()
      await this.listen()
      since = performance.now()
      if (record.ended) break
    }
    const whole = state.step === record.stepsPerEpoch
    const seconds = state.epochSeconds
    const seen = state.step * this.r.options.batch * this.r.options.accumulate
    const validation = forward ? await this.orSaved(this.validate(forward)) : null
    const loss = state.epochLoss / Math.max(1, state.step)
    const epoch: TrainingEpoch = {
      epoch: whole ? state.epoch + 1 : state.epoch + state.step / record.stepsPerEpoch,
      loss,
      validation,
      seconds,
      samplesPerSecond: seen / Math.max(seconds, 1e-9),
    }
    record.epochs.push(epoch)
    this.choose(epoch)
    if (whole) Object.assign(state, { epoch: state.epoch + 1, step: 0, epochLoss: 0, epochSeconds: 0 })
    this.report(true)
    const due = performance.now() - this.lastCheckpoint > 5000
    if (due && !record.ended && state.epoch < record.totalEpochs) await this.save()
  }

  /** Saves the place where it is stopped in the middle of some work that does not change it. */
  private async orSaved<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (this.context.signal.aborted) await this.save()
      throw error
    }
  }

  /** False when it diverged. */
  private async oneStep(order: Uint32Array): Promise<boolean> {
    const { r, state, step } = this
    const { options } = r
    const at = state.epoch * state.record.stepsPerEpoch + state.step
    const random = randomAt(r.seed, 'dropout', at)
    let loss = 0
    const parts = state.record.parts.map(() => 0)
    for (let k = 0; k < options.accumulate; k++) {
      const from = (state.step * options.accumulate + k) * options.batch
      const feeds = await this.feeds(order.slice(from, from + options.batch), at * options.accumulate + k)
      const out = await step.gradients(feeds, random, state.lossScale)
      state.firstLoss ??= out.loss
      if (!Number.isFinite(out.loss) || out.loss > GROWN * Math.max(1, state.firstLoss))
        return this.diverged(at, out)
      loss += out.loss / options.accumulate
      out.parts.forEach((value, i) => {
        parts[i] = (parts[i] ?? 0) + value / options.accumulate
      })
      if (options.accumulate > 1) step.optimizer.accumulateGradients()
    }
    const norm = step.optimizer.gradientNorm() / state.lossScale
    if (!Number.isFinite(norm)) {
      if (options.lossScale > 0 && state.lossScale > 1) return this.scaleDown(loss)
      return this.diverged(at, { loss, parts })
    }
    const peak = r.peakRate
    const { schedule: kind, warmup } = options
    const rate = learningRate({ kind, peak, warmup, steps: this.steps }, at)
    const clipped = options.clip > 0 && norm > options.clip ? options.clip / norm : 1
    step.optimizer.step(rate, clipped / state.lossScale)
    if (options.lossScale > 0) this.scaleUp()
    state.step++
    state.epochLoss += loss
    addStep(state.record, state.sums, { step: at + 1, loss, parts, learningRate: rate, norm })
    return true
  }

  /** An overflow: the step is left out, and the next tried with half the scale. */
  private scaleDown(loss: number): boolean {
    this.state.epochLoss += loss
    this.state.lossScale /= 2
    this.state.cleanSteps = 0
    this.step.optimizer.discard()
    this.state.step++
    return true
  }

  private scaleUp(): void {
    if (++this.state.cleanSteps < SCALE_UP) return
    this.state.cleanSteps = 0
    this.state.lossScale = Math.min(LARGEST_SCALE, this.state.lossScale * 2)
  }

  private async feeds(indices: Uint32Array, at: number) {
    const { r } = this
    const { feeds, labels } = await r.samples.batch(indices)
    r.augmenter?.(feeds, randomAt(r.seed, 'augment', at))
    const mix =
      r.options.mixup > 0
        ? mixUp(feeds, indices.length, r.options.mixup, randomAt(r.seed, 'mixup', at))
        : undefined
    const targets = (await r.teachers?.targets(feeds, indices)) ?? {}
    return { ...feeds, ...targets, ...labelFeeds(r.objective.labels, labels, mix) }
  }

  private async diverged(at: number, out: { loss: number; parts: number[] }): Promise<false> {
    const { record } = this.state
    const bad = this.step.optimizer.firstNonFinite()
    const part = out.parts.findIndex(value => !Number.isFinite(value))
    const epoch = Math.floor(at / record.stepsPerEpoch) + 1
    const what = [
      `The training diverged at step ${at + 1} (epoch ${epoch}): the loss is ${out.loss}`,
      ...(part >= 0 ? [`the part “${record.parts[part]}” is ${out.parts[part]}`] : []),
      ...(bad ? [`the gradient of ${bad} is not finite`] : []),
    ].join(', ')
    if (at === 0 && !Number.isFinite(out.loss)) {
      throw new BantamError('bad-data', `The loss is ${out.loss} before anything was learnt.`, {
        where: this.r.dataset.summary.spec.source,
        action: 'Look for values that are not finite, or far too large, in the data and the weights.',
      })
    }
    const action = `Try a learning rate of ${Number((this.r.peakRate / 10).toPrecision(1))} or less${this.r.options.clip > 0 ? '' : ', and gradient clipping'}.`
    if (record.epochs.length === 0 || !record.best) {
      // Taken up again, it would come to the same step and diverge there.
      if (this.context.keepDir) await removeCheckpoint(this.context.keepDir)
      throw new BantamError('bad-option', `${what}.`, { where: 'learningRate', action })
    }
    record.notes.push(`${what}. The best weights before that were kept. ${action}`)
    record.ended = 'diverged'
    return false
  }

  private async validate(forward: Forward): Promise<NonNullable<TrainingEpoch['validation']>> {
    const { r } = this
    const sum = new MetricSum(r.metric)
    for (let from = 0; from < r.validation.length; from += r.options.batch) {
      const part = r.validation.slice(from, from + r.options.batch)
      const { feeds, labels } = await r.samples.batch(part)
      const reference = r.answers ? await r.answers(part) : labels
      if (reference) sum.add(await forward.run(feeds), reference)
      await breathe(this.context)
    }
    return sum.result()
  }

  /** Keeps the weights when the epoch is the best so far; ends the run when none has been for long. */
  private choose({ epoch, validation }: TrainingEpoch): void {
    const { state } = this
    if (!validation) return
    if (isBetter(state.record, validation, state.bestValidation)) {
      state.bestValidation = validation
      state.record.best = { epoch, metric: validation.metric }
      state.waited = 0
      this.best = this.weights.copy()
      return
    }
    state.waited++
    const { patience } = this.r.options
    if (patience > 0 && state.waited >= patience) state.record.ended ??= 'early'
  }

  /** Between two steps: tells how far it is, hears what was asked, saves its place now and then. */
  private async listen(): Promise<void> {
    const { context, state } = this
    const asked = context.asked?.()
    if (asked === 'finish') state.record.ended = 'asked'
    this.report(false)
    if (asked === 'pause') {
      if (await this.save()) throw new BantamError('paused', 'The training is paused.')
      throw new BantamError('no-space', 'The training could not be paused: its place could not be saved.', {
        ...(context.keepDir ? { where: context.keepDir } : {}),
        action: 'Free some space and try again: it goes on from the last checkpoint, if there is one.',
      })
    }
    if (performance.now() - this.lastCheckpoint > CHECKPOINT_SECONDS * 1000) await this.save()
    // A signal is heard while it breathes.
    await this.orSaved(breathe(context))
  }

  private report(now: boolean): void {
    const { state, context } = this
    const { record } = state
    const done = state.epoch * record.stepsPerEpoch + state.step
    const time = performance.now()
    if (!now && time - this.lastReport < REPORT_SECONDS * 1000) return
    this.lastReport = time
    const seen = state.step * this.r.options.batch * this.r.options.accumulate
    if (state.epochSeconds > 0) record.samplesPerSecond = seen / state.epochSeconds
    const epoch = Math.min(state.epoch + 1, record.totalEpochs)
    context.progress(done / this.steps, `Epoch ${epoch} of ${record.totalEpochs}`)
    context.training?.(record)
  }

  /** False when it could not. A full disk does not end the run: the last checkpoint stays, and a note tells. */
  private async save(): Promise<boolean> {
    const { keepDir } = this.context
    if (!keepDir) return false
    this.lastCheckpoint = performance.now()
    const checkpoint: Checkpoint = {
      state: this.state,
      blobs: {
        optimizer: this.step.optimizer.save(),
        statistics: this.weights.saveStatistics(),
        best: this.best?.bytes() ?? new Uint8Array(),
      },
    }
    try {
      await writeCheckpoint(keepDir, checkpoint)
      return true
    } catch (error) {
      const note = `A checkpoint could not be written (${(error as Error).message}); the training went on without.`
      if (!this.state.record.notes.includes(note)) this.state.record.notes.push(note)
      this.context.log(note)
      return false
    }
  }
}
