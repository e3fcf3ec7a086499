/** How the states of a job are shown, and what may be done in each. */
import {
  Ban,
  CircleAlert,
  CircleCheck,
  CirclePause,
  Clock3,
  LoaderCircle,
  type LucideIcon,
} from 'lucide-react'
import type { Job, JobState } from '../../../shared/domain'
import { colors } from '../ui/theme'

export const LOOK: Record<JobState, { icon: LucideIcon; color: string; word: string }> = {
  queued: { icon: Clock3, color: colors.dim, word: 'Waiting' },
  running: { icon: LoaderCircle, color: colors.accent, word: 'Running' },
  paused: { icon: CirclePause, color: colors.teacher, word: 'Paused' },
  done: { icon: CircleCheck, color: colors.better, word: 'Done' },
  failed: { icon: CircleAlert, color: colors.worse, word: 'Failed' },
  cancelled: { icon: Ban, color: colors.dim, word: 'Cancelled' },
}

/** What a job is doing, in words, where it says nothing itself. */
export function stageOf(job: Job): string {
  if (job.state === 'paused') {
    const at = job.progress > 0 ? ` at ${Math.round(job.progress * 100)} %` : ''
    return `Paused${at}; its place is kept`
  }
  if (job.state === 'queued') return 'Starts when the jobs before it are done'
  return job.stage || 'Starting'
}

export interface TrainingChoices {
  pause: boolean
  resume: boolean
  finish: boolean
}

/** What can be done with a training in its state. A training that is paused goes on before it can be finished. */
export function trainingChoices(job: Job): TrainingChoices {
  const { training, searches = false, state } = job
  return {
    pause: training && (state === 'running' || state === 'queued'),
    resume: training && state === 'paused',
    finish: (training || searches) && state === 'running',
  }
}

/** Seconds of training or search that cancelling would lose; 0 where it is too little to ask about. */
export function secondsAtStake(job: Job, now: number): number {
  if (!(job.training || job.searches) || !job.startedAt || job.state === 'queued') return 0
  const seconds = (now - Date.parse(job.startedAt)) / 1000
  return seconds >= ASK_AFTER ? seconds : 0
}

const ASK_AFTER = 60
