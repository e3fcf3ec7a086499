/** Training runs of a study: jobs that train and variants that were trained, under one kind of id. */
import type { Job, Study, Variant } from '../../../shared/domain'
import type { TrainingRecord } from '../../../shared/training'
import { inOrder, isActive } from '../store/app'
import type { Ask } from '../store/query'
import { isQuantizedTraining, isTrainingTechnique } from '../variant/kinds'

export interface Run {
  /** `job:ID` or `variant:ID`. */
  id: string
  name: string
  /** Null for a variant, whose training is over. */
  job: Job | null
}

/** Whether a variant was trained: by a technique that trains, or by another one that recovers. */
export function wasTrained({ step }: Pick<Variant, 'step'>): boolean {
  if (!step) return false
  const { recover } = step.options
  const trains = isTrainingTechnique(step.technique) || isQuantizedTraining(step.technique)
  return trains || (typeof recover === 'number' && recover > 0)
}

export function variantRun(variant: Pick<Variant, 'id' | 'name'>): Run {
  return { id: `variant:${variant.id}`, name: variant.name, job: null }
}

export function jobRun(job: Job): Run {
  return { id: `job:${job.id}`, name: job.title, job }
}

/** Trainings under way, then trained variants, newest first, then trainings that came to nothing. */
export function runsOf(study: Study, jobs: readonly Job[]): Run[] {
  const own = jobs.filter(j => j.training && j.studyId === study.id)
  return [
    ...inOrder(own.filter(isActive)).map(jobRun),
    ...study.variants.filter(wasTrained).toReversed().map(variantRun),
    ...own.filter(j => j.state === 'failed' || j.state === 'cancelled').map(jobRun),
  ]
}

/**
 * The run to show: the one chosen (the variant in its place once its job is done), else the selected variant's own,
 * else the one that trains now, else none.
 */
export function shownRun(
  runs: readonly Run[],
  jobs: readonly Job[],
  chosen: string | null,
  variant: Variant,
): Run | null {
  const result = jobs.find(j => `job:${j.id}` === chosen)?.result
  const wanted = [chosen, result ? `variant:${result}` : null, `variant:${variant.id}`]
  for (const id of wanted) {
    const run = id === null ? undefined : runs.find(r => r.id === id)
    if (run) return run
  }
  return runs.find(r => r.job?.state === 'running' || r.job?.state === 'paused') ?? null
}

/** How a run's record is asked for; live ones are asked again whenever their job tells of itself. */
export function recordOf(run: Pick<Run, 'id'>): Ask<TrainingRecord | null> {
  const [kind, id = ''] = run.id.split(/:(.*)/s)
  return kind === 'job'
    ? { key: `training/job/${id}`, fetch: client => client.training.job({ id }) }
    : { key: `study/training/${id}`, fetch: client => client.training.variant({ id }) }
}
