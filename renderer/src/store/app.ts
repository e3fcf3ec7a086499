/**
 * What the screen knows of the workspace. The engine owns the truth: everything here is fetched once and again
 * when an event says that it changed; nothing polls.
 */
import { create } from 'zustand'
import type { AppEvent } from '../../../shared/contract'
import type { Job, Settings, Study, StudyHead, Variant } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import type { Client, ConnectionState } from '../client'

export type AppInfo = Awaited<ReturnType<Client['app']['info']>>

export interface AppState {
  connection: ConnectionState
  info: AppInfo | null
  settings: Settings
  studies: StudyHead[] | null
  studyId: string | null
  study: Study | null
  /** Why the study or the workspace could not be fetched. */
  failure: ErrorData | null
  /** Ids of the chosen variants, in the order they were chosen; the first is the one the tabs show. */
  selection: readonly string[]
  /** Newest first. */
  jobs: readonly Job[]
}

export const initialState: AppState = {
  connection: 'connecting',
  info: null,
  settings: { device: 'cpu', threads: 0, theme: 'auto' },
  studies: null,
  studyId: null,
  study: null,
  failure: null,
  selection: [],
  jobs: [],
}

export const useApp = create<AppState>(() => initialState)

/** The model everything is measured against: the row without a parent. */
export function teacherOf(study: Study | null): Variant | null {
  return study?.variants.find(v => v.parentId === null) ?? null
}

/** The chosen variants that still exist, in the order they were chosen. */
export function selectedVariants(state: Pick<AppState, 'study' | 'selection'>): Variant[] {
  const byId = new Map(state.study?.variants.map(v => [v.id, v]))
  return state.selection.flatMap(id => byId.get(id) ?? [])
}

/** Puts a newer state of a job into the list; new jobs come first. */
export function withJob(jobs: readonly Job[], job: Job): Job[] {
  const at = jobs.findIndex(j => j.id === job.id)
  return at < 0 ? [job, ...jobs] : jobs.map(j => (j.id === job.id ? job : j))
}

/** Not over yet: it runs, waits for its turn, or is paused. */
export function isActive(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running' || job.state === 'paused'
}

const ORDER: readonly Job['state'][] = ['running', 'queued', 'paused']

/** Active jobs in the order they run: those running, those waiting, those paused, each oldest first. */
export function inOrder(jobs: readonly Job[]): Job[] {
  const place = (job: Job) => {
    const at = ORDER.indexOf(job.state)
    return at < 0 ? ORDER.length : at
  }
  return jobs.toReversed().sort((a, b) => place(a) - place(b))
}

/** Selection after a click: alone, or (shift, mod) added to and taken from the comparison. */
export function nextSelection(selection: readonly string[], id: string, add: boolean): string[] {
  if (!add) return [id]
  return selection.includes(id) ? selection.filter(s => s !== id) : [...selection, id]
}

/** Keeps only what still exists; falls back to the teacher so that the tabs are never empty without reason. */
export function keptSelection(selection: readonly string[], study: Study): string[] {
  const kept = selection.filter(id => study.variants.some(v => v.id === id))
  if (kept.length > 0) return kept
  const teacher = teacherOf(study)
  return teacher ? [teacher.id] : []
}

/** State after a study arrived from the engine. */
export function studyArrived(state: AppState, study: Study): Partial<AppState> {
  if (study.id !== state.studyId) return {}
  return { study, failure: null, selection: keptSelection(state.selection, study) }
}

/** State after an event, where the event carries it whole; events that only say "fetch again" change nothing. */
export function afterEvent(state: AppState, event: AppEvent): Partial<AppState> {
  switch (event.type) {
    case 'job':
      return { jobs: withJob(state.jobs, event.job) }
    case 'settings':
      return { settings: event.settings }
    case 'studies':
    case 'study':
    case 'training':
    case 'search':
      return {}
  }
}

export function select(id: string, add = false): void {
  useApp.setState(s => ({ selection: nextSelection(s.selection, id, add) }))
}

export function selectOnly(ids: readonly string[]): void {
  useApp.setState({ selection: ids })
}
