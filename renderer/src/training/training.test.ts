import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TrainingRecord } from '../../../shared/training'
import { makeJob } from '../fixtures/jobs'
import { study, trainedStudy } from '../fixtures/study'
import { makeRecord, shapeFor, trainedVariants } from '../fixtures/training'
import { secondsAtStake, stageOf, trainingChoices } from '../jobs/job-look'
import { throttled } from '../store/throttle'
import { recordOf, runsOf, shownRun, wasTrained } from './runs'
import { sparkPoints } from './Sparkline'
import {
  epochSpan,
  formatMetric,
  lateValues,
  lossCurves,
  metricCurves,
  overlay,
  rateCurves,
  sparkValues,
} from './series'
import { bestText, endText, epochNow, placeText, secondsLeft, timeText } from './words'

const shape = shapeFor('distill.student', { epochs: 8 }, 1)
const live = makeRecord(shape, 2.5)
const variant = (id: string) =>
  trainedStudy.variants.find(v => v.id === id) ?? trainedStudy.variants[0] ?? fail()

function fail(): never {
  throw new Error('Not in the fixture')
}

describe('runs', () => {
  const job = makeJob({ id: 'a', title: 'Student', state: 'running', training: true })
  const paused = makeJob({ id: 'b', title: 'Other', state: 'paused', training: true })
  const failed = makeJob({ id: 'c', title: 'Bad', state: 'failed', training: true })
  const foreign = makeJob({ id: 'd', title: 'Elsewhere', state: 'running', training: true, studyId: 's9' })
  const plain = makeJob({ id: 'e', title: 'int8', state: 'running' })
  const jobs = [plain, foreign, failed, paused, job]

  it('are the trainings under way, the trained variants and what came to nothing', () => {
    expect(runsOf(trainedStudy, jobs).map(r => r.id)).toEqual([
      'job:a',
      'job:b',
      'variant:v11',
      'variant:v10',
      'variant:v9',
      'job:c',
    ])
    expect(runsOf(study, [])).toEqual([])
    expect(wasTrained({ step: { technique: 'prune.channels', options: { recover: 3 } } })).toBe(true)
    expect(wasTrained({ step: { technique: 'prune.channels', options: { recover: 0 } } })).toBe(false)
    expect(wasTrained({ step: { technique: 'quantize.qat', options: {} } })).toBe(true)
    expect(wasTrained({ step: { technique: 'quantize.static-int8', options: {} } })).toBe(false)
    expect(wasTrained({ step: null })).toBe(false)
  })

  it('show the one chosen, else the variant’s own, else what trains now', () => {
    const runs = runsOf(trainedStudy, jobs)
    const shown = (chosen: string | null, id: string) => shownRun(runs, jobs, chosen, variant(id))?.id
    expect(shown(null, 'v9')).toBe('variant:v9')
    expect(shown('job:b', 'v9')).toBe('job:b')
    expect(shown(null, 'v0')).toBe('job:a')
    expect(shownRun(runsOf(trainedStudy, []), [], null, variant('v0'))).toBeNull()
  })

  it('go on as the variant once the job is done', () => {
    const done = { ...job, state: 'done' as const, result: 'v10' }
    const runs = runsOf(trainedStudy, [done])
    expect(shownRun(runs, [done], 'job:a', variant('v0'))?.id).toBe('variant:v10')
  })

  it('are asked for by job or by variant, and only live ones again with each event', () => {
    expect(recordOf({ id: 'job:x:1' }).key).toBe('training/job/x:1')
    expect(recordOf({ id: 'variant:v9' }).key).toBe('study/training/v9')
  })
})

describe('curves', () => {
  it('have the loss, its parts where there are several, and the held-out loss once an epoch', () => {
    const { rows, lines } = lossCurves(live)
    expect(lines.map(l => l.name)).toEqual([
      'total',
      'labels',
      'kd',
      'hint relu3 → relu3',
      'validation, cross entropy',
    ])
    expect(rows).toHaveLength(30)
    expect(rows.map(r => r.x)).toEqual(rows.map(r => r.x).toSorted((a, b) => a - b))
    expect(rows.filter(r => r.held !== undefined).map(r => r.x)).toEqual([1, 2])
    expect(lossCurves({ ...live, parts: ['labels'] }).lines.map(l => l.key)).toEqual(['loss', 'held'])
    expect(rateCurves(live).rows[0]).toHaveProperty('rate')
  })

  it('leave a gap where the loss was no number', () => {
    const [first, ...rest] = live.points
    if (!first) fail()
    const broken = { ...live, points: [...rest, { ...first, epoch: 2.5, loss: Number.NaN }] }
    expect(lossCurves(broken).rows.at(-1)?.loss).toBeNull()
    expect(sparkValues(broken).every(Number.isFinite)).toBe(true)
  })

  it('show all planned epochs while it goes on, and those trained afterwards', () => {
    expect(epochSpan(live)).toBe(8)
    expect(epochSpan({ ...live, ended: 'asked' })).toBe(2.5)
    expect(
      metricCurves({ ...live, epochs: live.epochs.map(e => ({ ...e, validation: null })) }).rows,
    ).toEqual([])
    expect(formatMetric(live, 0.98765)).toBe('98.77 %')
    expect(formatMetric({ metric: { name: 'own', title: 'Own', higherIsBetter: true } }, 1.5)).toBe('1.500')
  })

  it('of several runs share their epochs; another measure is left out and named', () => {
    const [student, control] = [trainedVariants.v9 ?? fail(), trainedVariants.v10 ?? fail()]
    const other: TrainingRecord = { ...control, metric: { name: 'mae', title: 'MAE', higherIsBetter: false } }
    const runs = [
      { id: 'variant:v9', name: 'A', record: student },
      { id: 'variant:v10', name: 'B', record: control },
      { id: 'variant:v11', name: 'C', record: other },
    ]
    const metric = overlay(runs, 'metric')
    expect(metric.lines.map(l => l.name)).toEqual(['A', 'B'])
    expect(metric.left).toEqual(['C'])
    expect(metric.rows).toHaveLength(20)
    expect(Object.keys(metric.rows[0] ?? {})).toEqual(['x', 'run0', 'run1'])
    expect(metric.rows[19]).not.toHaveProperty('run0')
    expect(overlay(runs, 'loss').left).toEqual([])
    expect(overlay([], 'loss')).toEqual({ rows: [], lines: [], left: [] })
    expect(Math.min(...lateValues(metric))).toBeGreaterThan(0.85)
  })

  it('of a thousand epochs are drawn with a few hundred points, and no spike is lost', () => {
    const [one] = live.epochs
    if (!one?.validation) fail()
    const validation = one.validation
    const epochs = Array.from({ length: 1000 }, (_, i) => ({
      ...one,
      epoch: i + 1,
      validation: { ...validation, metric: i === 613 ? 0.1 : 0.9 + i / 1e5 },
    }))
    const { rows } = metricCurves({ ...live, epochs })
    expect(rows.length).toBeGreaterThan(200)
    expect(rows.length).toBeLessThanOrEqual(301)
    expect(rows.find(r => r.x === 614)?.metric).toBe(0.1)
    expect(rows.at(-1)?.x).toBe(1000)
    expect(rows.map(r => r.x)).toEqual(rows.map(r => r.x).toSorted((x, y) => x - y))
  })

  it('are tiny in the tree', () => {
    expect(sparkValues(live, 10)).toHaveLength(10)
    expect(sparkPoints([0, 1], 10, 12)).toBe('0.0,11.0 10.0,1.0')
    expect(sparkPoints([2, 2], 10, 12)).toBe('0.0,6.0 10.0,6.0')
  })
})

describe('words', () => {
  it('say where a run is and how it ended', () => {
    expect(placeText(live)).toBe('Epoch 3 of 8')
    expect(epochNow(makeRecord(shape, 8))).toBe(8)
    expect(placeText(trainedVariants.v9 ?? fail())).toBe('16 of 20 epochs')
    expect(endText(trainedVariants.v9 ?? fail())).toMatch(/^Stopped early/)
    for (const ended of ['done', 'asked', 'early', 'diverged'] as const) {
      expect(endText({ ...live, ended })).toMatch(/\.$/)
    }
    expect(endText(live)).toBe('')
    expect([0, 3, 1.2261904].map(epoch => bestText({ epoch }))).toEqual([
      'before training',
      'epoch 3',
      'epoch 1.23',
    ])
  })

  it('tell the time left from the speed, and none where it cannot be told', () => {
    expect(secondsLeft(live)).toBeCloseTo((5.5 * 3600) / 428)
    expect(secondsLeft({ ...live, samplesPerSecond: 0 })).toBeNull()
    expect(timeText(live, makeJob({ id: 'a', title: '', state: 'paused' }))).toBe('paused')
    expect(timeText(makeRecord(shape, 8), null)).toMatch(/min/)
  })
})

describe('training jobs', () => {
  const job = makeJob({ id: 'a', title: 'A', state: 'running', training: true })

  it('offer what their state allows, and other jobs nothing', () => {
    expect(trainingChoices(job)).toEqual({ pause: true, resume: false, finish: true })
    expect(trainingChoices({ ...job, state: 'queued' })).toEqual({
      pause: true,
      resume: false,
      finish: false,
    })
    expect(trainingChoices({ ...job, state: 'paused' })).toEqual({
      pause: false,
      resume: true,
      finish: false,
    })
    expect(trainingChoices({ ...job, training: false, searches: true })).toEqual({
      pause: false,
      resume: false,
      finish: true,
    })
    expect(trainingChoices({ ...job, training: false })).toEqual({
      pause: false,
      resume: false,
      finish: false,
    })
    expect(stageOf({ ...job, state: 'paused', progress: 0.314 })).toBe('Paused at 31 %; its place is kept')
  })

  it('ask before more than a minute of training is lost', () => {
    const start = Date.parse(job.startedAt ?? '')
    expect(secondsAtStake(job, start + 30_000)).toBe(0)
    expect(secondsAtStake(job, start + 90_000)).toBe(90)
    expect(secondsAtStake({ ...job, training: false }, start + 90_000)).toBe(0)
  })
})

describe('throttled', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('acts at once, then at most once an interval, and never loses the last call', () => {
    const act = vi.fn()
    const moved = throttled(act, 500)
    for (let i = 0; i < 10; i++) moved('a')
    moved('b')
    expect(act.mock.calls).toEqual([['a'], ['b']])
    vi.advanceTimersByTime(500)
    expect(act.mock.calls).toEqual([['a'], ['b'], ['a']])
    vi.advanceTimersByTime(5000)
    expect(act).toHaveBeenCalledTimes(3)
    moved('a')
    expect(act).toHaveBeenCalledTimes(4)
  })
})
