import type { JobRequest } from '../requests'

/** What recording a job's result led to. */
export interface Committed {
  /** Id of what the job made. */
  made: string | null
  /** Jobs that follow. */
  next: { title: string; request: JobRequest }[]
}
