import { describe, expect, it } from 'vitest'
import { makeJob } from '../fixtures/jobs'
import { study } from '../fixtures/study'
import {
  afterEvent,
  initialState,
  inOrder,
  isActive,
  keptSelection,
  nextSelection,
  selectedVariants,
  studyArrived,
  teacherOf,
  withJob,
} from './app'

describe('selection', () => {
  it('replaces on a click and toggles with shift, keeping the order of choice', () => {
    expect(nextSelection(['a'], 'b', false)).toEqual(['b'])
    expect(nextSelection(['a'], 'b', true)).toEqual(['a', 'b'])
    expect(nextSelection(['a', 'b'], 'a', true)).toEqual(['b'])
  })

  it('drops variants that are gone and falls back to the teacher', () => {
    expect(keptSelection(['v3', 'gone', 'v1'], study)).toEqual(['v3', 'v1'])
    expect(keptSelection(['gone'], study)).toEqual(['v0'])
    expect(keptSelection([], { ...study, variants: [] })).toEqual([])
  })

  it('gives the selected variants in the order of choice', () => {
    expect(selectedVariants({ study, selection: ['v5', 'v1'] }).map(v => v.name)).toEqual([
      'Half precision',
      'int8 min-max',
    ])
  })
})

describe('the study', () => {
  it('is not replaced by a late answer about another one', () => {
    const state = { ...initialState, studyId: 'other' }
    expect(studyArrived(state, study)).toEqual({})
    const wanted = studyArrived({ ...initialState, studyId: 's1', selection: ['v2'] }, study)
    expect(wanted.study).toBe(study)
    expect(wanted.selection).toEqual(['v2'])
  })

  it('has the row without a parent as its teacher', () => {
    expect(teacherOf(study)?.id).toBe('v0')
    expect(teacherOf(null)).toBeNull()
  })
})

describe('jobs', () => {
  const queued = makeJob({ id: 'a', title: 'A', state: 'queued' })
  const running = makeJob({ id: 'b', title: 'B', state: 'running' })

  it('come first when new and stay in place when they change', () => {
    const jobs = withJob([running], queued)
    expect(jobs.map(j => j.id)).toEqual(['a', 'b'])
    expect(withJob(jobs, { ...running, state: 'done' }).map(j => j.state)).toEqual(['queued', 'done'])
  })

  it('are shown running first, then waiting, oldest first', () => {
    const newest = makeJob({ id: 'c', title: 'C', state: 'queued' })
    const paused = makeJob({ id: 'd', title: 'D', state: 'paused' })
    expect(inOrder([newest, paused, queued, running]).map(j => j.id)).toEqual(['b', 'a', 'c', 'd'])
    expect([newest, paused, queued, running].every(isActive)).toBe(true)
  })
})

describe('events', () => {
  it('change what they carry whole, and nothing where they only say "fetch again"', () => {
    const job = makeJob({ id: 'a', title: 'A', state: 'running' })
    expect(afterEvent(initialState, { type: 'job', job }).jobs).toEqual([job])
    const settings = { device: 'cpu', threads: 3, theme: 'dark' } as const
    expect(afterEvent(initialState, { type: 'settings', settings })).toEqual({ settings })
    expect(afterEvent(initialState, { type: 'studies' })).toEqual({})
  })
})
