import { describe, expect, it } from 'vitest'
import { DistillOptions, TrainOptions } from '../../../shared/training'
import { study } from '../fixtures/study'
import { trainingTechniques } from '../fixtures/training'
import { fieldsOf, initialValues } from '../variant/schema'
import { trainingFields } from './fields'
import {
  controlOptions,
  controlProblem,
  type DistillForm,
  distillOptions,
  hasLabels,
  labelWeightFixed,
  plannedJobs,
} from './options'
import { parseStudent, studentName, studentProblem, studentText } from './student'
import { formFrom } from './useTrainForm'

const hint = { kind: 'hint' as const, student: 'a', teacher: 'b', weight: 2 }
const form: DistillForm = {
  student: { kind: 'shape', width: 0.25, depth: 2 },
  init: 'random',
  loss: 'dkd',
  temperature: 3,
  labelWeight: 0.3,
  features: [hint],
}
const distil = fieldsOf(trainingTechniques[0]?.schema ?? {})
const tune = fieldsOf(trainingTechniques[1]?.schema ?? {})

describe('the student', () => {
  it('is written as the engine reads it, and read back', () => {
    expect(studentText(form.student)).toBe('slim:0.25,depth:2')
    expect(studentText({ kind: 'shape', width: null, depth: 3 })).toBe('depth:3')
    expect(studentText({ kind: 'model', variant: 'v9' })).toBe('variant:v9')
    for (const text of ['slim:0.25,depth:2', 'slim:0.5', 'depth:3', 'variant:v9']) {
      expect(studentText(parseStudent(text))).toBe(text)
    }
    expect(studentText(parseStudent('/models/tiny.onnx'))).toBe('slim:0.5')
  })

  it('says what is missing, and has a name', () => {
    expect(studentProblem({ kind: 'shape', width: null, depth: null })).toMatch(/smaller width/)
    expect(studentProblem({ kind: 'model', variant: null })).toBe('Choose a model.')
    expect(studentName(form.student, [])).toBe('Student ×0.25, depth 2')
    expect(studentName({ kind: 'model', variant: 'v1' }, study.variants)).toBe('Student int8 min-max')
  })
})

describe('options made from the form', () => {
  it('are what the schema of the technique takes', () => {
    const options = distillOptions(form, initialValues(distil), true)
    expect(DistillOptions.parse(options)).toMatchObject({
      student: 'slim:0.25,depth:2',
      init: 'random',
      loss: 'dkd',
      temperature: 3,
      labelWeight: 0.3,
      features: [hint],
      epochs: 10,
    })
    expect(TrainOptions.parse(initialValues(tune)).epochs).toBe(5)
  })

  it('leave no weight to labels that are not there, and all of it where there is nothing else', () => {
    expect(distillOptions(form, {}, false)?.labelWeight).toBe(0)
    expect(distillOptions({ ...form, loss: 'none' }, {}, true)?.labelWeight).toBe(1)
    expect(labelWeightFixed(false, 'kd')).toMatch(/no labels/)
    expect(labelWeightFixed(true, 'kd')).toBeNull()
  })

  it('say nothing of first weights for a model that brings its own, and nothing without a student', () => {
    const model = distillOptions({ ...form, student: { kind: 'model', variant: 'v2' } }, {}, true)
    expect(model).not.toHaveProperty('init')
    expect(distillOptions({ ...form, student: { kind: 'model', variant: null } }, {}, true)).toBeNull()
  })

  it('come back into the form from a recipe', () => {
    expect(formFrom(distillOptions(form, {}, true) ?? {})).toEqual(form)
    expect(formFrom({ features: 'nonsense' })).toMatchObject({ features: [], loss: 'kd', labelWeight: 0.1 })
  })

  it('are all in the form, the usual ones first', () => {
    const { main, advanced } = trainingFields(distil, 'distill.student')
    expect(main.map(f => f.name)).toEqual([
      'epochs',
      'batch',
      'learningRate',
      'optimizer',
      'schedule',
      'augment',
      'validation',
      'patience',
    ])
    const own = ['student', 'init', 'loss', 'temperature', 'labelWeight', 'features', 'teachers']
    expect([...main, ...advanced].map(f => f.name).sort()).toEqual(
      distil
        .map(f => f.name)
        .filter(name => !own.includes(name))
        .sort(),
    )
    expect(trainingFields(tune, 'train.labels').main[0]?.name).toBe('loss')
  })
})

describe('the jobs', () => {
  const options = { student: 'slim:0.5', loss: 'kd', labelWeight: 0.1, features: [hint], epochs: 3 }

  it('are one run and its control on labels alone', () => {
    const control = controlOptions(options)
    expect(control).toEqual({ ...options, loss: 'none', labelWeight: 1, features: [], teachers: [] })
    const jobs = plannedJobs({ name: 'Small', seed: 7, repeats: 1, options, control })
    expect(jobs.map(j => [j.name, j.seed])).toEqual([
      ['Small', 7],
      ['Small without teacher', 7],
    ])
  })

  it('repeat with seeds that follow each other, each beside its control', () => {
    const jobs = plannedJobs({ name: 'S', seed: 2, repeats: 2, options, control: controlOptions(options) })
    expect(jobs.map(j => j.name)).toEqual([
      'S, seed 2',
      'S without teacher, seed 2',
      'S, seed 3',
      'S without teacher, seed 3',
    ])
    expect(plannedJobs({ name: 'S', seed: 0, repeats: 99, options, control: null })).toHaveLength(5)
  })

  it('have no control where it would be the same run, or has nothing to learn from', () => {
    expect(controlProblem(false, form)).toMatch(/labels/)
    expect(controlProblem(true, { loss: 'none', features: [] })).toMatch(/already/)
    expect(controlProblem(true, { loss: 'none', features: [hint] })).toBeNull()
    expect(hasLabels([{ task: 'classification' }, { task: 'none' }])).toBe(false)
    expect(hasLabels([])).toBe(false)
  })
})
