/**
 * What a job was asked to do, as the workspace remembers it: enough to do it again after a restart. Records are
 * looked up when the job runs, not when it is asked for, so that a job may wait for one before it.
 */
import type { DatasetSpec, Step } from '../../shared/domain'

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
  /** `parent` null: the study's teacher. */
  | { kind: 'variant'; study: string; parent: string | null; step: Step; name: string | null; seed: number }
  /** `variants` empty: all there are when the job runs. */
  | { kind: 'measure'; study: string; variants: string[]; batches: number[]; threads: number[] }
  | { kind: 'report'; study: string }
  | { kind: 'bundle'; study: string; variant: string }

export type JobKind = JobRequest['kind']
export type RequestOf<K extends JobKind> = Extract<JobRequest, { kind: K }>
