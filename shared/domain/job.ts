/** Work under way. */
import { z } from 'zod'
import { ErrorData } from '../errors'

export const JobState = z.enum(['queued', 'running', 'paused', 'done', 'failed', 'cancelled'])
export type JobState = z.infer<typeof JobState>

export const Job = z.object({
  id: z.string(),
  studyId: z.string().nullable(),
  kind: z.enum([
    'import-model',
    'import-dataset',
    'variant',
    'measure',
    'sensitivity',
    'quantize-sensitivity',
    'report',
    'bundle',
  ]),
  title: z.string(),
  state: JobState,
  /** It trains: it can be paused, finished early, and has curves (`training.job`). */
  training: z.boolean(),
  /** It searches, and can be finished early with the best so far. */
  searches: z.boolean().optional(),
  /** 0…1 over the whole job. */
  progress: z.number(),
  stage: z.string(),
  /** Seconds; null until it can be told. */
  secondsLeft: z.number().nullable(),
  /** Id of what the job made: a variant, dataset or artifact. */
  result: z.string().nullable(),
  error: ErrorData.nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
})
export type Job = z.infer<typeof Job>
