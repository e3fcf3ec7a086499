import { MantineProvider } from '@mantine/core'
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Study, Variant } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Connection } from '../client'
import { ExportTab } from '../export/ExportTab'
import { fixtureConnection } from '../fixtures/client'
import { makeJob } from '../fixtures/jobs'
import { hardware, study, withTokens } from '../fixtures/study'
import { techniques } from '../fixtures/techniques'
import { LayersTab } from '../layers/LayersTab'
import { PredictionsTab } from '../predictions/PredictionsTab'
import { RecipeTab } from '../recipe/RecipeTab'
import { SpeedTab } from '../speed/SpeedTab'
import { useApp } from '../store/app'
import { ConnectionContext } from '../store/connection'
import { clearQueries } from '../store/query'
import { useUi } from '../store/ui'
import { OverviewTab } from './OverviewTab'

const TABS = { OverviewTab, LayersTab, PredictionsTab, SpeedTab, RecipeTab, ExportTab }
type Variants = Connection['client']['variants']

function variant(id: string): Variant {
  const found = study.variants.find(v => v.id === id)
  if (!found) throw new Error(`No ${id} in the fixture`)
  return found
}

function show(
  name: keyof typeof TABS,
  shown: Variant,
  change: { answers?: Partial<Variants>; study?: Study; reference?: Variant } = {},
) {
  const base = fixtureConnection()
  const answers: Partial<Record<PropertyKey, unknown>> = change.answers ?? {}
  // The client is made of proxies: an answer of the test stands before the fixture's.
  const variants = new Proxy(base.client.variants, {
    get: (target, key, receiver) => answers[key] ?? Reflect.get(target, key, receiver),
  })
  const client = new Proxy(base.client, {
    get: (target, key, receiver) => (key === 'variants' ? variants : Reflect.get(target, key, receiver)),
  })
  const Tab = TABS[name]
  render(
    <MantineProvider env="test">
      <ConnectionContext value={{ ...base, client }}>
        <Tab study={change.study ?? study} variant={shown} reference={change.reference ?? variant('v0')} />
      </ConnectionContext>
    </MantineProvider>,
  )
  return base.client
}

beforeEach(() => {
  clearQueries()
  useApp.setState({
    study,
    studyId: study.id,
    jobs: [],
    info: { version: '0', shell: 'host', hardware, devices: [], techniques },
  })
})
afterEach(cleanup)

const never = () => new Promise<never>(() => {})

describe('Overview', () => {
  it('leads with the verdict and proves it with numbers', async () => {
    show('OverviewTab', variant('v1'))
    expect(
      screen.getByText('2.1× faster and 3.8× smaller; no accuracy difference shown on 3,000 samples.'),
    ).toBeTruthy()
    expect(screen.getByText(/Loads and runs in stock ONNX Runtime/)).toBeTruthy()
    expect(screen.getByText(/The first convolution stays in float/)).toBeTruthy()
    expect(await screen.findByRole('img', { name: 'Confusion matrix' })).toBeTruthy()
  })

  it('asks to measure what was not measured', () => {
    show('OverviewTab', variant('v8'))
    expect(screen.getByRole('button', { name: 'Measure now' })).toBeTruthy()
    expect(screen.getByText(/speed not compared; accuracy not measured/)).toBeTruthy()
  })

  it('compares two variants with each other through the engine', async () => {
    const compare = async () => ({
      differences: [
        {
          metric: 'accuracy',
          value: -0.01,
          low: -0.02,
          high: -0.005,
          p: 0.001,
          test: 'exact McNemar',
          shown: true,
        },
      ],
      ratios: [{ a: 'hash-v1', b: 'hash-v2', batch: 1, threads: 1, ratio: 0.5, low: 0.4, high: 0.6 }],
    })
    show('OverviewTab', variant('v2'), {
      reference: variant('v1'),
      answers: { compare } as Partial<Variants>,
    })
    expect(await screen.findByText(/^2.0× faster; the same size; accuracy 1.00 points lower/)).toBeTruthy()
  })
})

describe('Layers', () => {
  it('keeps unknown costs unknown', async () => {
    const layers = async () => [
      { name: 'rotary', op: 'Rotary', parameters: 0, macs: null, bytes: 0, outputShape: null },
    ]
    show('LayersTab', variant('v1'), { answers: { layers } as Partial<Variants> })
    expect(await screen.findByText('1 layer')).toBeTruthy()
    expect(screen.getByText('No layer of this model has weights.')).toBeTruthy()
  })
})

describe('Speed', () => {
  it('of a language model shows tokens per second next to its reference; of others nothing', async () => {
    show('SpeedTab', withTokens(variant('v1'), 180), { reference: withTokens(variant('v0'), 100) })
    expect(screen.getByText('Tokens per second')).toBeTruthy()
    expect(screen.getByText('Making a token: 1.8× faster')).toBeTruthy()
    expect(screen.getByText('Reading a prompt: no difference shown')).toBeTruthy()
    expect(screen.getByRole('row', { name: /^Handwritten digits|int8/ })).toBeTruthy()
    expect(screen.getByText(/A prompt of 128 tokens and 32 made after it/)).toBeTruthy()
    cleanup()
    show('SpeedTab', variant('v1'))
    expect(screen.queryByText('Tokens per second')).toBeNull()
  })
})

describe('empty, waiting and failing', () => {
  it('Speed without a profile offers to measure, and starts it', async () => {
    const client = show('SpeedTab', variant('v1'), {
      answers: { speed: async () => null } as Partial<Variants>,
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Measure now' }))
    await expect.poll(async () => (await client.jobs.list()).map(j => j.kind)).toContain('measure')
  })

  it('Predictions without an evaluation say what to do; without data they ask for data', () => {
    show('PredictionsTab', variant('v8'))
    expect(screen.getByText('No answers yet')).toBeTruthy()
    cleanup()
    show('PredictionsTab', variant('v8'), { study: { ...study, datasets: [] } })
    fireEvent.click(screen.getByRole('button', { name: 'Add data to measure on' }))
    expect(useUi.getState().dialog).toEqual({ kind: 'import-data' })
  })

  it('a study whose data is still being imported does not ask for data', () => {
    const job = makeJob({ id: 'j9', title: 'Import the data', kind: 'import-dataset', state: 'running' })
    act(() => useApp.setState({ jobs: [job] }))
    show('OverviewTab', variant('v8'), { study: { ...study, datasets: [] } })
    expect(screen.getByRole('button', { name: 'The data is being imported…' })).toHaveProperty(
      'disabled',
      true,
    )
    expect(screen.queryByRole('button', { name: 'Add data to measure on' })).toBeNull()
    act(() => useApp.setState({ jobs: [] }))
  })

  it('Recipe of the teacher says where recipes begin', () => {
    show('RecipeTab', variant('v0'))
    fireEvent.click(screen.getByRole('button', { name: 'New variant' }))
    expect(useUi.getState().dialog).toEqual({ kind: 'new-variant', parent: 'v0' })
  })

  it.each([
    ['LayersTab', 'layers'],
    ['SpeedTab', 'speed'],
    ['PredictionsTab', 'predictions'],
  ] as const)('%s holds its place while it waits and shows why it failed', async (tab, key) => {
    show(tab, variant('v1'), { answers: { [key]: never } as Partial<Variants> })
    expect(screen.getAllByRole('status', { name: 'Loading' }).length).toBeGreaterThan(0)
    cleanup()
    clearQueries()
    const fail = async () => {
      throw new BantamError('not-found', 'The file is gone.', { action: 'Import it again.' })
    }
    show(tab, variant('v1'), { answers: { [key]: fail } as Partial<Variants> })
    expect(await screen.findByText('The file is gone.')).toBeTruthy()
    expect(screen.getByText('Import it again.')).toBeTruthy()
  })
})

describe('Recipe', () => {
  it('shows changed options and starts a new variant from the step', () => {
    show('RecipeTab', variant('v3'))
    expect(screen.getByText('percentile')).toBeTruthy()
    expect(
      screen.getByText(/--calibration percentile --no-per-channel --out int8-per-tensor.onnx/),
    ).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Start from this' }))
    expect(useUi.getState().dialog).toEqual({
      kind: 'quantize',
      parent: 'v0',
      technique: 'quantize.static-int8',
      options: { calibration: 'percentile', perChannel: false },
    })
  })
})

describe('Export', () => {
  it('saves the model and says under which name', async () => {
    window.desktop = {
      kind: 'electron',
      open: async () => null,
      drop: async () => [],
      save: async artifact => `picked-${artifact.name}`,
    }
    try {
      show('ExportTab', variant('v1'))
      fireEvent.click(screen.getByRole('button', { name: 'Save: ONNX model' }))
      expect(await screen.findByText(/^Saved picked-/)).toBeTruthy()
    } finally {
      delete window.desktop
    }
  })

  it('says nothing was saved when the dialog was dismissed', async () => {
    let asked = 0
    window.desktop = {
      kind: 'electron',
      open: async () => null,
      drop: async () => [],
      save: async () => {
        asked++
        return null
      },
    }
    try {
      show('ExportTab', variant('v1'))
      fireEvent.click(screen.getByRole('button', { name: 'CSV: Comparison' }))
      await expect.poll(() => asked).toBe(1)
      expect(screen.queryByText(/^Saved/)).toBeNull()
    } finally {
      delete window.desktop
    }
  })
})
