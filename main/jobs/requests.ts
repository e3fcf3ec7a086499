/**
 * What a job was asked to do, as the workspace remembers it: enough to do it again after a restart. Records are
 * looked up when the job runs, not when it is asked for, so that a job may wait for one before it.
 */
import type { DatasetSpec, Device, Step } from '../../shared/domain'
import type { Importance } from '../../shared/prune'

export type JobRequest =
  /** `measure`: queue a measurement when it is done. */
  | {
      kind: 'import-model'
      study: string
      path: string
      name: string
      parent: string | null
      measure: boolean
    }
  | { kind: 'import-dataset'; study: string; name: string; spec: DatasetSpec; measure: boolean }
  /**
   * `parent` null: the study's teacher. `conditions`: what a training was asked for with, so that one that is
   * interrupted goes on as it began; without, the study's data and the settings when it runs.
   */
  | {
      kind: 'variant'
      study: string
      parent: string | null
      step: Step
      name: string | null
      seed: number
      conditions?: TrainingConditions
    }
  /** `variants` empty: all there are when the job runs. */
  | { kind: 'measure'; study: string; variants: string[]; batches: number[]; threads: number[] }
  /** Each part of a variant made smaller alone, on the study's current data. */
  | {
      kind: 'sensitivity'
      study: string
      variant: string
      importance: Importance
      /** Shares kept. */
      keeps: number[]
      samples: number
    }
  /** Each layer of a variant alone in 8 bits, on the study's current data. Options are of static int8. */
  | {
      kind: 'quantize-sensitivity'
      study: string
      variant: string
      options: Record<string, unknown>
      samples: number
    }
  | { kind: 'report'; study: string }
  | { kind: 'bundle'; study: string; variant: string }

/** Data and machine of a training: with others it would not end at the same weights. */
export interface TrainingConditions {
  /** Null: there was none. */
  dataset: string | null
  device: Device
  threads: number
}

/** True for what trains: it can be paused, resumed and finished early, and tells of itself in a `TrainingRecord`. */
export function isTraining(request: JobRequest): boolean {
  return request.kind === 'variant' && isTrainingStep(request.step)
}

/** True for what keeps its place, so that it goes on after an interruption: trainings, and what measures for long. */
export function keepsPlace(request: JobRequest): boolean {
  return request.kind === 'quantize-sensitivity' || isTraining(request)
}

/** True for what searches within a time: it can be finished early, with the best so far. */
export function isSearch(request: JobRequest): boolean {
  return request.kind === 'variant' && request.step.technique === 'quantize.mixed'
}

/** As `isTraining`, of a step whose options have their defaults. */
export function isTrainingStep({ technique, options }: Step): boolean {
  if (/^((distill|train)\.|quantize\.qat$)/.test(technique)) return true
  return technique.startsWith('prune.') && Number(options.recover) > 0 && options.recovery !== 'statistics'
}

export type JobKind = JobRequest['kind']
export type RequestOf<K extends JobKind> = Extract<JobRequest, { kind: K }>
