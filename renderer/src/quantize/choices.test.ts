import { describe, expect, it } from 'vitest'
import { cnnGraph } from '../fixtures/graphs'
import { layerDetail, lossesOf } from '../fixtures/quantize'
import { study } from '../fixtures/study'
import { techniques } from '../fixtures/techniques'
import { fieldsOf, initialValues } from '../variant/schema'
import { byPattern, choiceOf, means, networkOptions, withFloat, withOverride } from './choices'
import { findLayerDialog } from './find-layer'
import { bestCalibration, calibrationsOf, fixOf } from './fixes'
import { changedSince, defaultName, quantizeFields } from './options'
import { floatAncestor, isQuantized, multiplies } from './quantizable'
import { byLoss, layerRows, lossScale } from './rows'

const fields = fieldsOf(techniques.find(t => t.id === 'quantize.static-int8')?.schema ?? {})
const first = { id: 'conv1_out', node: 'Conv /features/conv1/Conv' }
const second = { id: 'conv2_out', node: 'Conv /features/conv2/Conv' }
const initial = initialValues(fields)
const losses = lossesOf(cnnGraph(1), {})

describe('choices for a layer', () => {
  it('are read by id, by name and by pattern', () => {
    expect(means('conv1_out', first)).toBe(true)
    expect(means('/features/conv1/Conv', first)).toBe(true)
    expect(means('/features/*', first)).toBe(true)
    expect(means('conv1.out', first)).toBe(false)
    const choice = choiceOf(
      {
        exclude: ['*conv2*'],
        overrides: [
          { node: '*conv1*', activations: 'int16', calibration: 'entropy' },
          { node: 'conv1_out', calibration: 'mse' },
        ],
      },
      first,
    )
    expect(choice).toEqual({ float: null, wide: true, calibration: 'mse' })
    expect(byPattern(choiceOf({ exclude: ['*conv2*'] }, second))).toBe(true)
  })

  it('leave a layer in float and take that back, whatever it was named by', () => {
    const chosen = withFloat(withFloat(initial, first, true), second, true)
    expect(chosen.exclude).toEqual(['conv1_out', 'conv2_out'])
    expect(withFloat(chosen, first, false).exclude).toEqual(['conv2_out'])
    expect(withFloat({ exclude: ['/features/conv1/Conv'] }, first, false).exclude).toEqual([])
    expect(withFloat({ exclude: ['*conv*'] }, first, false).exclude).toEqual(['*conv*'])
  })

  it('keep one override a layer, which goes when it says nothing', () => {
    const wide = withOverride(initial, first, { wide: true })
    const both = withOverride(wide, first, { calibration: 'mse' })
    expect(both.overrides).toEqual([{ node: 'conv1_out', activations: 'int16', calibration: 'mse' }])
    expect(withOverride(both, first, { wide: false }).overrides).toEqual([
      { node: 'conv1_out', calibration: 'mse' },
    ])
    const none = withOverride(withOverride(both, first, { wide: false }), first, { calibration: null })
    expect(none.overrides).toEqual([])
  })

  it('take a layer out of a pattern of 16 bits', () => {
    const values = { overrides: [{ node: '*conv*', activations: 'int16' }] }
    const out = withOverride(values, first, { wide: false })
    expect(out.overrides).toEqual([
      { node: '*conv*', activations: 'int16' },
      { node: 'conv1_out', activations: 'int8' },
    ])
    expect(choiceOf(out, first).wide).toBe(false)
    expect(choiceOf(out, second).wide).toBe(true)
  })
})

describe('names and options', () => {
  it('name a variant by what was chosen', () => {
    expect(defaultName(fields, initial)).toBe('Static int8')
    const values = withOverride(withFloat(initial, first, true), second, { wide: true })
    expect(
      defaultName(fields, { ...values, calibration: 'mse', equalize: true, biasCorrection: 'none' }),
    ).toBe('Static int8, mse, equalized, 1 in float, 1 in 16 bits')
  })

  it('have each option at one place, but those of single layers', () => {
    const { goal, main, more } = quantizeFields(fields)
    expect(goal).toEqual([])
    expect([...main, ...more].map(f => f.name).sort()).toEqual(
      fields
        .map(f => f.name)
        .filter(name => name !== 'overrides')
        .sort(),
    )
  })

  it('say which of them differ from those something was measured with', () => {
    expect(changedSince(fields, {}, initial)).toEqual([])
    const now = withFloat({ ...initial, equalize: true }, first, true)
    expect(changedSince(fields, networkOptions(initial), now)).toEqual(['equalize layers'])
  })
})

describe('rows', () => {
  it('come worst first: by the loss where it is shown, else by noise', () => {
    const rows = layerRows(losses, initial, 'loss')
    expect(rows.slice(0, 2).map(r => r.label)).toEqual(['features/conv1', 'features/conv2'])
    const rest = rows.slice(2).map(r => r.layer.whole.sqnr)
    expect(rest).toEqual([...rest].sort((a, b) => (a ?? 0) - (b ?? 0)))
    const [a, b] = losses.layers
    if (!a || !b) throw new Error('The fixture has layers')
    const exact = { whole: { ...b.whole, drop: { value: 0, low: 0, high: 0 }, sqnr: null } }
    expect(byLoss(exact, a)).toBeGreaterThan(0)
  })

  it('come by time and in the order of the graph', () => {
    const times = layerRows(losses, initial, 'time').map(r => r.layer.milliseconds ?? -1)
    expect(times).toEqual([...times].sort((a, b) => b - a))
    expect(layerRows(losses, initial, 'order').map(r => r.layer.id)).toEqual(losses.layers.map(l => l.id))
    expect(layerRows(null, initial, 'order')).toEqual([])
  })

  it('fill a bar with the largest loss, and not with chance', () => {
    expect(lossScale(losses)).toBeCloseTo(losses.layers[0]?.whole.drop.high ?? 0)
    const none = losses.layers.filter(l => l.whole.drop.low <= 0)
    expect(lossScale({ ...losses, layers: none })).toBe(0.05)
  })
})

describe('fixes', () => {
  const [layer] = losses.layers
  if (!layer) throw new Error('The fixture has layers')
  const detail = layerDetail(cnnGraph(1), layer.id)
  const fix = (kind: Parameters<typeof fixOf>[0], values: Record<string, unknown> = initial) =>
    fixOf(kind, { layer, detail, values, fields })

  it('choose the calibration under which the noisiest activation is cleanest', () => {
    expect(calibrationsOf(fields)).toEqual(['minmax', 'percentile', 'entropy', 'mse'])
    expect(bestCalibration(detail.tensors, calibrationsOf(fields))).toBe('mse')
    expect(bestCalibration([], calibrationsOf(fields))).toBeNull()
    expect(fix('calibration')?.values?.overrides).toEqual([{ node: layer.id, calibration: 'mse' }])
  })

  it('are options, and say where they are chosen already', () => {
    expect(fix('exclude')?.values).toMatchObject({ exclude: [layer.id] })
    expect(fix('smooth')?.values).toMatchObject({ smooth: 'search' })
    expect(fix('equalize', { ...initial, equalize: true })?.values).toBeNull()
    expect(fix('none')).toBeNull()
    expect(fixOf('wide', { layer, detail, values: initial, fields: [] })).toBeNull()
  })
})

describe('models', () => {
  const [teacher, int8] = study.variants
  if (!teacher || !int8) throw new Error('The fixture has variants')
  const coded = {
    ...int8,
    summary: { ...int8.summary, operators: { Conv: 2, QuantizeLinear: 3, DequantizeLinear: 5 } },
  }

  it('are told apart: quantized ones lead to what they were made of', () => {
    expect(isQuantized(teacher)).toBe(false)
    expect(isQuantized(coded)).toBe(true)
    expect(
      isQuantized({ summary: { ...teacher.summary, operators: { 'com.microsoft.MatMulNBits': 1 } } }),
    ).toBe(true)
    expect(floatAncestor([teacher, coded], coded)?.id).toBe(teacher.id)
    expect(floatAncestor([coded], coded)).toBeNull()
    expect(multiplies({ summary: { ...teacher.summary, operators: { Relu: 2 } } })).toBe(false)
  })

  it('that lost accuracy open the float model with their options', () => {
    const made = {
      ...coded,
      parentId: teacher.id,
      step: { technique: 'quantize.static-int8', options: { equalize: true } },
    }
    expect(findLayerDialog([teacher, made], made)).toEqual({
      kind: 'quantize',
      parent: teacher.id,
      technique: 'quantize.static-int8',
      options: { equalize: true },
    })
    expect(findLayerDialog([teacher], teacher)).toBeNull()
  })
})
