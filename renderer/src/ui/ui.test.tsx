import { MantineProvider } from '@mantine/core'
import { render, screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Variant } from '../../../shared/domain'
import { metricById } from '../../../shared/metrics'
import { differenceTone } from '../../../shared/verdict'
import { study } from '../fixtures/study'
import { sortRows } from './DataTable'
import { metricDelta, speedDelta } from './delta'
import { defaultAction, ErrorNotice } from './ErrorNotice'
import { NoteList } from './NoteList'

function variant(id: string): Variant {
  const found = study.variants.find(v => v.id === id)
  if (!found) throw new Error(`no variant ${id}`)
  return found
}

describe('ErrorNotice', () => {
  it('says what, where and what to do', () => {
    render(
      <ErrorNotice
        error={{
          code: 'bad-model',
          message: 'The external data is shorter than the model says.',
          where: 'weights.data, tensor fc1.weight',
          action: 'Copy weights.data again.',
        }}
      />,
    )
    const text = screen.getByRole('alert').textContent
    expect(text).toBe(
      'The external data is shorter than the model says.weights.data, tensor fc1.weightCopy weights.data again.',
    )
  })

  it('is no dead end where the engine named no action', () => {
    const codes = ['bad-file', 'unsupported', 'crashed', 'internal', 'no-space'] as const
    for (const code of codes) expect(defaultAction({ code, message: '' })).toMatch(/\.$/)
    expect(defaultAction({ code: 'crashed', message: '' })).toBe(
      'Read the log, then try again. Nothing else was affected.',
    )
  })
})

describe('NoteList', () => {
  it('shows the gravest first and says how many are left out', () => {
    const note = (severity: 'info' | 'warning' | 'error', message: string) => ({
      code: 'x',
      severity,
      message,
    })
    render(
      <MantineProvider>
        <NoteList notes={[note('info', 'a'), note('error', 'b'), note('warning', 'c')]} max={2} />
      </MantineProvider>,
    )
    expect(screen.getAllByRole('listitem').map(li => li.textContent?.trim())).toEqual([
      'b',
      'c',
      'and 1 more',
    ])
  })
})

describe('deltas', () => {
  it('call nothing better or worse inside the interval', () => {
    const accuracy = metricById('accuracy')
    expect(metricDelta(variant('v1'), variant('v0'), accuracy)).toMatchObject({
      text: '−0.07 pt',
      tone: 'uncertain',
    })
    expect(metricDelta(variant('v3'), variant('v0'), accuracy)).toMatchObject({
      text: '−0.93 pt',
      tone: 'worse',
    })
    const difference = { metric: 'logLoss', value: 0.1, low: 0.05, high: 0.2, p: 0.01, test: '', shown: true }
    expect(differenceTone(difference)).toBe('worse')
    expect(differenceTone({ ...difference, shown: false })).toBe('uncertain')
  })

  it('tell speed as a factor, small changes in per cent, and none where the interval covers one', () => {
    expect(speedDelta(variant('v1'), variant('v0'))).toMatchObject({ text: '2.1× faster', tone: 'better' })
    expect(speedDelta(variant('v4'), variant('v0'))).toMatchObject({ text: '9.5× slower', tone: 'worse' })
    expect(speedDelta(variant('v6'), variant('v0'))).toMatchObject({ text: '5 % faster', tone: 'better' })
    const near = structuredClone(variant('v1'))
    for (const r of near.benchmark?.ratios ?? []) Object.assign(r, { ratio: 1.01, low: 0.97, high: 1.05 })
    expect(speedDelta(near, variant('v0'))).toMatchObject({ text: 'same speed', tone: 'uncertain' })
    expect(speedDelta(variant('v8'), variant('v0'))).toBeNull()
  })

  it('tell size in per cent', () => {
    expect(metricDelta(variant('v1'), variant('v0'), metricById('sizeBytes'))).toMatchObject({
      text: '−74 %',
      tone: 'better',
    })
    expect(metricDelta(variant('v0'), variant('v0'), metricById('sizeBytes'))).toBeNull()
  })
})

describe('sortRows', () => {
  it('sorts numbers and names, rows without a value last either way', () => {
    const column = { id: 'n', title: '', value: (row: { n: number | null }) => row.n }
    const rows = [{ n: 3 }, { n: null }, { n: 10 }, { n: 1 }]
    expect(sortRows(rows, column, false).map(r => r.n)).toEqual([1, 3, 10, null])
    expect(sortRows(rows, column, true).map(r => r.n)).toEqual([10, 3, 1, null])
    const name = { id: 's', title: '', value: (row: string) => row }
    expect(sortRows(['conv10', 'conv9'], name, false)).toEqual(['conv9', 'conv10'])
  })
})
