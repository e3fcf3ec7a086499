import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Evaluation } from '../../shared/domain'
import { makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { mainName } from './collect'
import { pairedDifferences } from './differences'
import { evaluateModel } from './evaluate'
import { readOutputs, type StoredOutputs, writeOutputs } from './outputs'
import { comparePredictions } from './predictions'
import { memoryDataset, testContext, weights, writeTestModel } from './testing'

const folder = mkdtempSync(join(tmpdir(), 'bantam-evaluate-'))
const context = testContext(folder)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const COUNT = 75
const CLASSES = ['ant', 'bee', 'cat']
const points = Float32Array.from({ length: COUNT * 4 }, (_, i) => Math.sin(i * 1.7))
const labels = Array.from({ length: COUNT }, (_, i) => (i * 7) % 3)

function data(extra: Partial<Parameters<typeof memoryDataset>[0]> = {}) {
  return memoryDataset({
    inputs: { x: { shape: [4], values: points } },
    labels,
    task: 'classification',
    classes: CLASSES,
    ...extra,
  })
}

/** x [batch, 4] → three class scores. */
function classifier(name: string, batch: number | string = 'N', noise = 0): string {
  return writeTestModel(join(folder, `${name}.onnx`), {
    nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
    inputs: [makeValue('x', 'float32', [batch, 4])],
    outputs: [makeValue('y', 'float32', [batch, 3])],
    initializers: [weights('w', [4, 3], i => Math.cos(i) + noise * Math.sin(31 * i))],
  })
}

function request(model: string, dataset = data()) {
  return { model, hash: model, dataset, split: 'test' as const, threads: 1 }
}

describe('evaluateModel', () => {
  it('measures a classifier, in batches, with progress', async () => {
    const dataset = data()
    const { evaluation, outputs } = await evaluateModel(request(classifier('plain'), dataset), context)
    Evaluation.parse(evaluation)
    // Independently: scores by hand.
    const scores = Array.from({ length: COUNT }, (_, i) =>
      [0, 1, 2].map(c =>
        [0, 1, 2, 3].reduce((sum, k) => sum + (points[i * 4 + k] ?? 0) * Math.fround(Math.cos(k * 3 + c)), 0),
      ),
    )
    const right = scores.filter((s, i) => s.indexOf(Math.max(...s)) === labels[i]).length
    expect(evaluation.metrics.accuracy?.value).toBe(right / COUNT)
    expect(evaluation.metrics.top5).toBeUndefined()
    expect(evaluation.perClass.map(p => [p.name, p.count])).toEqual(CLASSES.map(name => [name, 25]))
    expect(evaluation.data).toEqual({ hash: 'memory', source: 'memory', split: 'test', count: COUNT })
    expect(evaluation.notes).toEqual([])
    expect(dataset.largestBatch()).toBe(32)
    expect(outputs.outputs[0]?.values.length).toBe(COUNT * 3)
    expect(context.stages).toContain(`running the model: 64 of ${COUNT} samples`)
    expect(context.fractions.at(-1)).toBe(1)
  })

  it('gives the same answers whatever batch the model fixes', async () => {
    const free = await evaluateModel(request(classifier('free')), context)
    for (const batch of [1, 8]) {
      const dataset = data()
      const fixed = await evaluateModel(request(classifier(`fixed${batch}`, batch), dataset), context)
      expect(dataset.largestBatch()).toBe(batch)
      expect(fixed.evaluation.metrics).toEqual(free.evaluation.metrics)
      expect(fixed.outputs.outputs[0]?.values).toEqual(free.outputs.outputs[0]?.values)
    }
  })

  it('takes only the samples it is given, in their order', async () => {
    const { outputs } = await evaluateModel({ ...request(classifier('some')), indices: [5, 3, 9] }, context)
    expect([...outputs.indices]).toEqual([5, 3, 9])
    expect([...(outputs.labels ?? [])]).toEqual([5, 3, 9].map(i => labels[i]))
  })

  it('compares with a reference on the same samples', async () => {
    const reference = await evaluateModel(request(classifier('ref')), context)
    const same = await evaluateModel(
      { ...request(classifier('same')), reference: { hash: 'ref', outputs: reference.outputs } },
      context,
    )
    expect(same.evaluation.reference).toBe('ref')
    expect(same.evaluation.agreement).toEqual([
      { output: 'y', cosine: 1, maxAbs: 0, sqnr: null, kl: 0, top1: 1 },
    ])
    expect(same.evaluation.differences[0]).toMatchObject({ metric: 'accuracy', value: 0, p: 1, shown: false })
    expect(same.evaluation.differences.every(d => !d.shown)).toBe(true)
    const other = await evaluateModel(
      { ...request(classifier('other', 'N', 0.3)), reference: { hash: 'ref', outputs: reference.outputs } },
      context,
    )
    const [agreement] = other.evaluation.agreement
    expect(agreement?.cosine).toBeLessThan(1)
    expect(agreement?.sqnr).not.toBeNull()
    expect(agreement?.top1).toBeLessThan(1)
    expect(agreement?.kl).toBeGreaterThan(0)
  })

  it('refuses a reference that saw other samples, before running anything', async () => {
    const reference = await evaluateModel({ ...request(classifier('ref2')), indices: [1, 2] }, context)
    await expect(
      evaluateModel(
        { ...request('/nowhere.onnx'), reference: { hash: 'r', outputs: reference.outputs } },
        context,
      ),
    ).rejects.toMatchObject({
      code: 'bad-option',
      message: 'The reference was measured on other samples than the model.',
      where: 'memory (2 samples) and memory (75 samples)',
    })
  })

  it('measures agreement only without labels', async () => {
    const dataset = data({ task: 'none', classes: [], labels: undefined as never })
    const reference = await evaluateModel(request(classifier('unlabelled'), dataset), context)
    expect(reference.evaluation.metrics).toEqual({})
    expect(reference.outputs.labels).toBeNull()
    const { evaluation } = await evaluateModel(
      {
        ...request(classifier('unlabelled2', 'N', 0.01), dataset),
        reference: { hash: 'r', outputs: reference.outputs },
      },
      context,
    )
    expect(evaluation.differences).toEqual([])
    expect(evaluation.agreement[0]?.sqnr).toBeGreaterThan(10)
    expect(evaluation.agreement[0]?.kl).toBeUndefined()
  })

  it('measures a regression', async () => {
    const model = writeTestModel(join(folder, 'regression.onnx'), {
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float32', ['N', 4])],
      outputs: [makeValue('y', 'float32', ['N', 1])],
      initializers: [weights('w', [4, 1], i => i + 1)],
    })
    const target = Array.from({ length: COUNT }, (_, i) =>
      [0, 1, 2, 3].reduce((sum, k) => sum + (k + 1) * (points[i * 4 + k] ?? 0), i % 2 ? 0.1 : -0.1),
    )
    const { evaluation } = await evaluateModel(
      request(model, data({ task: 'regression', classes: [], labels: target })),
      context,
    )
    expect(evaluation.metrics.mae?.value).toBeCloseTo(0.1, 5)
    expect(evaluation.metrics.rmse?.value).toBeCloseTo(0.1, 5)
    expect(evaluation.metrics.r2?.value).toBeGreaterThan(0.99)
    expect(evaluation.metrics.mae?.low).toBeLessThanOrEqual(0.1 + 1e-6)
  })

  it('reports values that are not numbers with the first sample', async () => {
    const bad = Float32Array.from(points)
    bad[40 * 4] = Number.NaN
    bad[41 * 4] = Number.NaN
    const { evaluation } = await evaluateModel(
      request(classifier('nan'), data({ inputs: { x: { shape: [4], values: bad } } })),
      context,
    )
    expect(evaluation.notes).toMatchObject([
      {
        code: 'evaluate.nonfinite',
        severity: 'error',
        message:
          'Output y has values that are not numbers (NaN, infinite, or of another size) for 2 of 75 samples, first for sample 40.',
      },
    ])
    Evaluation.parse(evaluation)
  })

  it('names a label that the model has no class for', async () => {
    const wrong = labels.map((l, i) => (i === 12 ? 3 : l))
    await expect(
      evaluateModel(request(classifier('label'), data({ labels: wrong })), context),
    ).rejects.toMatchObject({
      code: 'bad-data',
      message: 'Label 3 is no class of the model: output y has 3 classes, counted from 0.',
      where: 'sample 12 of memory',
    })
  })

  it('says when no output answers the task', async () => {
    const { evaluation } = await evaluateModel(
      request(classifier('few'), data({ classes: ['a', 'b', 'c', 'd'] })),
      context,
    )
    expect(evaluation.metrics).toEqual({})
    expect(evaluation.notes[0]).toMatchObject({
      code: 'evaluate.no-answer',
      message: 'No output has 4 values per sample, so the labels cannot be used. The outputs: y with 3.',
    })
  })

  it('runs samples one at a time when outputs do not carry the batch first', async () => {
    const model = writeTestModel(join(folder, 'turned.onnx'), {
      nodes: [makeNode('MatMul', ['x', 'w'], ['y']), makeNode('Transpose', ['y'], ['t'], { perm: [1n, 0n] })],
      inputs: [makeValue('x', 'float32', ['N', 4])],
      outputs: [makeValue('t', 'float32', [3, 'N'])],
      initializers: [weights('w', [4, 3], i => Math.cos(i))],
    })
    const turned = await evaluateModel(request(model), context)
    const plain = await evaluateModel(request(classifier('straight')), context)
    expect(turned.evaluation.metrics.accuracy).toEqual(plain.evaluation.metrics.accuracy)
  })

  it('keeps wide outputs thinned, and says so', async () => {
    const model = writeTestModel(join(folder, 'wide.onnx'), {
      nodes: [makeNode('MatMul', ['x', 'w'], ['y']), makeNode('Tile', ['y', 'times'], ['wide'])],
      inputs: [makeValue('x', 'float32', ['N', 4])],
      outputs: [makeValue('y', 'float32', ['N', 3]), makeValue('wide', 'float32', null)],
      initializers: [
        weights('w', [4, 3], i => Math.cos(i)),
        makeTensor('times', 'int64', [2], BigInt64Array.of(1n, 3000n)),
      ],
    })
    const first = await evaluateModel(request(model), context)
    expect(first.outputs.outputs.map(o => [o.size, o.width])).toEqual([
      [3, 3],
      [9000, 4096],
    ])
    const { evaluation } = await evaluateModel(
      { ...request(model), reference: { hash: 'r', outputs: first.outputs } },
      context,
    )
    expect(evaluation.agreement.map(a => [a.output, a.cosine, a.top1])).toEqual([
      ['y', 1, 1],
      ['wide', 1, undefined],
    ])
    expect(evaluation.notes[0]?.message).toBe(
      'Agreement of output wide is over 4096 of its 9000 values per sample, evenly spaced.',
    )
  })

  it('stops between batches when cancelled, and refuses an empty split', async () => {
    const stopped = testContext(folder)
    stopped.abort()
    await expect(evaluateModel(request(classifier('stop')), stopped)).rejects.toMatchObject({
      code: 'cancelled',
    })
    await expect(
      evaluateModel({ ...request(classifier('empty')), indices: [] }, context),
    ).rejects.toMatchObject({
      code: 'bad-data',
      message: 'There are no samples in the split test.',
    })
  })
})

describe('mainName', () => {
  const output = (name: string, type: 'float32' | 'int64', ...shape: number[]) => ({
    name,
    type,
    shape,
    size: shape.reduce((a, b) => a * b, 1),
  })
  it('follows its rules in order', () => {
    const label = output('label', 'int64')
    const scores = output('scores', 'float32', 10)
    const boxes = output('boxes', 'float32', 100, 4)
    expect(mainName([label, boxes, scores], 'classification', 10)).toBe('scores')
    expect(mainName([label, boxes], 'classification', 10)).toBe('label')
    expect(mainName([boxes, output('p', 'float32', 1)], 'classification', 2)).toBe('p')
    expect(mainName([boxes, output('imagenet', 'float32', 1000)], 'classification', 10)).toBe('imagenet')
    expect(mainName([boxes], 'classification', 10)).toBeNull()
    expect(mainName([boxes, output('v', 'float32', 1)], 'regression', 0)).toBe('v')
    expect(mainName([boxes, scores], 'none', 0)).toBe('boxes')
  })
})

/** Stored answers of a classifier with the given classes per sample, confident. */
function answered(model: string, predicted: number[], truth: number[] | null, first = 0): StoredOutputs {
  const values = Float32Array.from(predicted.flatMap(p => [0, 1, 2].map(c => (c === p ? 0.5 : 0.25))))
  return {
    model,
    data: { hash: 'd', source: 'data', split: 'test' },
    task: truth ? 'classification' : 'none',
    main: 'y',
    indices: Uint32Array.from(predicted, (_, i) => i + first),
    labels: truth && Float64Array.from(truth),
    outputs: [{ name: 'y', type: 'float32', shape: [3], size: 3, width: 3, values }],
  }
}

describe('pairedDifferences', () => {
  const truth = Array.from({ length: 60 }, (_, i) => i % 3)
  const wrong = (count: number) => truth.map((t, i) => (i < count ? (t + 1) % 3 : t))

  it('is shown exactly when the exact test rejects', () => {
    const reference = answered('a', truth, truth)
    // Five losses of five: Tango alone would exclude zero, exact McNemar has p = 0.0625.
    const five = pairedDifferences(reference, answered('b', wrong(5), truth), 'classification')[0]
    expect(five).toMatchObject({ metric: 'accuracy', p: 0.0625, high: 0, shown: false })
    const six = pairedDifferences(reference, answered('b', wrong(6), truth), 'classification')[0]
    expect(six).toMatchObject({ value: -0.1, shown: true })
    expect(six?.p).toBeCloseTo(0.03125, 12)
    expect(six?.high).toBeLessThan(0)
  })

  it('mirrors when the models change places', () => {
    const [ab] = pairedDifferences(
      answered('a', wrong(3), truth),
      answered('b', wrong(20), truth),
      'classification',
    )
    const [ba] = pairedDifferences(
      answered('b', wrong(20), truth),
      answered('a', wrong(3), truth),
      'classification',
    )
    expect(ab?.value).toBe(-(ba?.value ?? 0))
    expect(ab?.low).toBeCloseTo(-(ba?.high ?? 0), 9)
    expect(ab?.p).toBe(ba?.p)
  })

  it('uses the samples both saw, and refuses when there is none', () => {
    const reference = answered('a', truth, truth)
    const shifted = answered(
      'b',
      truth.map((_, i) => (i + 50) % 3),
      truth.map((_, i) => (i + 50) % 3),
      50,
    )
    expect(pairedDifferences(reference, shifted, 'classification')[0]).toMatchObject({ value: 0, p: 1 })
    const far = answered('b', truth, truth, 500)
    expect(() => pairedDifferences(reference, far, 'classification')).toThrow(
      'The two models were measured on other samples: there is nothing to compare.',
    )
  })
})

describe('comparePredictions', () => {
  const truth = [0, 1, 2, 0, 1]
  const reference = answered('r', [0, 1, 1, 1, 1], truth)
  const variant = answered('v', [0, 2, 2, 2, 1], truth)
  const options = {
    classes: CLASSES,
    task: 'classification' as const,
    filter: 'all' as const,
    offset: 0,
    limit: 10,
  }

  it('counts and names what happened to each sample', () => {
    const page = comparePredictions(reference, variant, options)
    expect(page.counts).toEqual({ differ: 3, broken: 1, fixed: 1, wrong: 2, all: 5 })
    expect(page.items.map(i => [i.index, i.outcome])).toEqual([
      [1, 'broken'],
      [2, 'fixed'],
      [3, 'both-wrong'],
      [0, 'both-right'],
      [4, 'both-right'],
    ])
    expect(page.items[0]).toMatchObject({
      label: 'bee',
      reference: { output: 'bee', confidence: 0.5 },
      variant: { output: 'cat', confidence: 0.5 },
      distance: 0.25,
      image: null,
    })
  })

  it('filters and pages', () => {
    expect(
      comparePredictions(reference, variant, { ...options, filter: 'broken' }).items.map(i => i.index),
    ).toEqual([1])
    const page = comparePredictions(reference, variant, { ...options, filter: 'differ', offset: 1, limit: 1 })
    expect(page.total).toBe(3)
    expect(page.items.map(i => i.index)).toEqual([2])
  })

  it('compares numbers by their largest difference', () => {
    const numbers = (model: string, ...values: number[]): StoredOutputs => ({
      ...answered(model, [0, 0, 0], null),
      outputs: [
        { name: 'y', type: 'float32', shape: [1], size: 1, width: 1, values: Float32Array.from(values) },
      ],
    })
    const page = comparePredictions(numbers('r', 100, 100, 100), numbers('v', 100.5, 103, Number.NaN), {
      ...options,
      task: 'none',
    })
    expect(page.counts).toEqual({ differ: 2, broken: 0, fixed: 0, wrong: 0, all: 3 })
    expect(page.items.map(i => [i.index, i.variant.output])).toEqual([
      [2, 'not a number'],
      [1, '103'],
      [0, '100.5'],
    ])
    expect(page.items[0]?.outcome).toBeNull()
  })

  it('refuses other samples', () => {
    expect(() => comparePredictions(reference, answered('v', truth, truth, 1), options)).toThrow(
      'The reference was measured on other samples than the model.',
    )
  })
})

describe('stored outputs', () => {
  it('come back as they were, labelled or not', async () => {
    for (const truth of [[0, 1, 2, 0, 1], null]) {
      const stored = answered('m', [0, 1, 2, 1, 0], truth)
      const path = join(folder, 'outputs.bin')
      await writeOutputs(path, stored)
      expect(await readOutputs(path)).toEqual(stored)
    }
    expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([])
  })

  it('refuse a file that is cut short or something else', async () => {
    const path = join(folder, 'cut.bin')
    await writeOutputs(path, answered('m', [0, 1], [0, 1]))
    const whole = readFileSync(path)
    for (const bytes of [
      whole.subarray(0, -4),
      whole.subarray(0, 20),
      Buffer.from('something else entirely'),
    ]) {
      writeFileSync(path, bytes)
      await expect(readOutputs(path)).rejects.toMatchObject({
        code: 'bad-file',
        message: 'These are no stored outputs, or the file is damaged.',
        where: path,
      })
    }
  })
})
