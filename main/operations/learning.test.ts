/** Variants that are trained: made, and made again. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DatasetSpec, Evidence } from '../../shared/domain'
import { openDataset } from '../data/open'
import { modelInputs } from '../onnx/inputs'
import { modelHash } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { spiral, spiralNet, trainingContext } from '../training/testing'
import { inspectProblem } from '../training/testing-errors'
import { planDigest, sidecarPath } from './evidence'
import { replay } from './replay'
import { makeVariant, type VariantRequest } from './variant'

let folder: string
let parent: string
let run: ReturnType<typeof trainingContext>
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-learning-'))
  parent = join(folder, 'parent.onnx')
  await writeModel(spiralNet(), parent)
  await writeTable('data.csv', 5)
  run = trainingContext()
})
afterEach(() => {
  run.clean()
  rmSync(folder, { recursive: true, force: true })
})

async function writeTable(name: string, seed: number): Promise<string> {
  const data = spiral(150, { seed })
  const { feeds, labels } = await data.batch(data.indices('all'))
  const x = feeds.x?.data ?? []
  const rows = Array.from(labels ?? [], (label, i) => `${x[2 * i]},${x[2 * i + 1]},arm${label}`)
  const path = join(folder, name)
  writeFileSync(path, `a,b,label\n${rows.join('\n')}\n`)
  return path
}

const context = () => {
  const { keepDir: _, ...others } = run.context
  return others
}

const out = () => join(folder, 'variant.onnx')
const again = () => join(folder, 'again.onnx')

async function make(
  technique: string,
  options: Record<string, unknown>,
  o: Partial<VariantRequest> & { split?: 'all' | 'train'; indices?: Uint32Array } = {},
) {
  const { split = 'train', indices, ...request } = o
  const spec = DatasetSpec.parse({ source: join(folder, 'data.csv'), inputs: { x: ['a', 'b'] } })
  const dataset = await openDataset(spec, modelInputs(spiralNet()))
  try {
    return await makeVariant(
      {
        parent,
        step: { technique, options: { epochs: 2, batch: 16, ...options } },
        seed: 3,
        training: { dataset, indices: indices ?? dataset.indices(split) },
        out: out(),
        threads: 1,
        device: 'cpu',
        ...request,
      },
      context(),
    )
  } finally {
    await dataset.close()
  }
}

describe('a trained variant', () => {
  test('has its training in the evidence, and is not expected to answer as its parent', async () => {
    const { plan, evidence } = await make('train.labels', { epochs: 12, learningRate: 0.02 })
    expect(readdirSync(folder).sort()).toEqual([
      'data.csv',
      'parent.onnx',
      'variant.onnx',
      'variant.onnx.bantam.json',
    ])
    expect(Evidence.parse(JSON.parse(readFileSync(sidecarPath(out()), 'utf8')))).toEqual(evidence)
    expect(evidence.training).toMatchObject({ technique: 'train.labels', ended: 'done' })
    expect(evidence.training?.epochs).toHaveLength(12)
    expect(evidence.dataset).toMatchObject({ samples: plan.decisions.samples })
    expect(evidence.verification.parity?.sqnr).toBeLessThan(10)
    expect(evidence.verification.notes).toEqual([])
    expect(plan.decisions).toMatchObject({ from: 'train', threads: 1, device: 'cpu', batch: 16 })
  })

  test('is refused when its answers are the same everywhere', async () => {
    const dead = spiralNet()
    dead.graph.setInitializer(makeTensor('b1', 'float32', [32], new Float32Array(32).fill(-100)))
    dead.graph.setInitializer(makeTensor('w1', 'float32', [32, 32], new Float32Array(32 * 32)))
    dead.graph.setInitializer(makeTensor('b2', 'float32', [3], new Float32Array(3)))
    const student = join(folder, 'dead.onnx')
    await writeModel(dead, student)
    const models = { [student]: { path: student, hash: await modelHash(student) } }
    const problem = await inspectProblem(
      make('distill.student', { student, epochs: 1, freeze: ['b2'] }, { models }),
    )
    expect(problem).toMatchObject({
      code: 'gate',
      message:
        "The result loads but does not work: Output logits is the same number everywhere, where the parent's is not.",
      action: 'Train with a lower learning rate, or for longer.',
    })
    expect(readdirSync(folder).sort()).toEqual(['data.csv', 'dead.onnx', 'parent.onnx'])
  })
})

describe('training again from evidence', () => {
  test.each([
    ['fine-tuning on the train split', 'train.labels', { mixup: 0.2, ema: 0.9 }, {}],
    ['fine-tuning with two threads', 'train.labels', {}, { threads: 2 }],
    [
      'fine-tuning on samples that are no split',
      'train.labels',
      {},
      { indices: Uint32Array.from({ length: 50 }, (_, i) => 2 * i) },
    ],
    ['a student of half the width', 'distill.student', { student: 'slim:0.5' }, { split: 'all' as const }],
    [
      'a student with features compared',
      'distill.student',
      { student: 'slim:0.5', features: [{ kind: 'hint', student: 'r1', teacher: 'r1' }] },
      {},
    ],
  ])('%s gives the same bytes', async (_, technique, options, o) => {
    await make(technique, options, o)
    const made = await replay({ file: out(), parent, out: again() }, context())
    expect(made).toMatchObject({ identical: true, reason: null })
    expect(readFileSync(again()).equals(readFileSync(out()))).toBe(true)
    expect(made.evidence.training?.epochs.map(e => e.loss)).toHaveLength(2)
  })

  test('a student from a file, and a further teacher, that were moved', async () => {
    const [student, second] = [join(folder, 'student.onnx'), join(folder, 'second.onnx')]
    await writeModel(spiralNet(8, 2), student)
    await writeModel(spiralNet(32, 9), second)
    const file = async (path: string) => ({ path, hash: await modelHash(path) })
    const models = { [student]: await file(student), [second]: await file(second) }
    const { plan } = await make('distill.student', { student, teachers: [second] }, { models })
    expect(plan.decisions).toMatchObject({
      student: { source: student, hash: models[student]?.hash },
      teachers: [{ source: second, hash: models[second]?.hash }],
    })
    const request = { file: out(), parent, out: again() }
    expect((await replay(request, context())).identical).toBe(true)

    const moved = join(folder, 'moved.onnx')
    renameSync(student, moved)
    expect(await inspectProblem(replay(request, context()))).toEqual({
      code: 'not-found',
      message: 'A model that the training named is not there.',
      where: student,
      action: `Say where it lies now (--model ${student}=FILE): its hash is ${models[student]?.hash}.`,
    })
    expect((await replay({ ...request, models: { [student]: moved } }, context())).identical).toBe(true)
    expect(
      await inspectProblem(replay({ ...request, models: { [student]: second } }, context())),
    ).toMatchObject({
      code: 'bad-option',
      message: 'A model is another one than the training named.',
      where: second,
    })
    expect(await inspectProblem(replay({ ...request, models: { other: second } }, context()))).toMatchObject({
      code: 'bad-option',
      message: 'The training named no model other.',
      action: `It named ${student}, ${second}.`,
    })
  })

  test('finds data that was moved, and refuses other data', async () => {
    await make('train.labels', {})
    const [old, moved] = [join(folder, 'data.csv'), join(folder, 'moved')]
    const request = { file: out(), parent, out: again() }
    const other = await writeTable('other.csv', 6)
    const refused = await inspectProblem(replay({ ...request, data: other }, context()))
    expect(refused).toMatchObject({
      code: 'bad-option',
      message: 'This is not the data that the training learnt from.',
      where: other,
    })
    expect(refused.action).toMatch(
      /^Give the data as it was then \(--data\): its hash was [0-9a-f]{12}…, this one's is/,
    )
    mkdirSync(moved)
    renameSync(old, join(moved, 'data.csv'))
    expect(await inspectProblem(replay(request, context()))).toEqual({
      code: 'not-found',
      message: 'The data that the training learnt from is not there.',
      where: old,
      action: 'Say where it lies now (--data).',
    })
    expect((await replay({ ...request, data: join(moved, 'data.csv') }, context())).identical).toBe(true)
  })

  test('says why the bits may differ: another processor', async () => {
    await make('train.labels', {})
    const evidence = Evidence.parse(JSON.parse(readFileSync(sidecarPath(out()), 'utf8')))
    const plan = {
      ...evidence.plan,
      decisions: { ...evidence.plan.decisions, processor: 'Abacus, x64, linux', learningRate: 1e-4 },
    }
    writeFileSync(sidecarPath(out()), JSON.stringify({ ...evidence, plan, planDigest: planDigest(plan) }))
    const { identical, reason } = await replay({ file: out(), parent, out: again() }, context())
    expect(identical).toBe(false)
    expect(reason).toMatch(
      /^The training was done on another processor \(Abacus, x64, linux; this is .+\), where sums are taken in another order\.$/,
    )
  })

  test('refuses a plan that does not say how', async () => {
    await make('train.labels', {})
    const evidence = Evidence.parse(JSON.parse(readFileSync(sidecarPath(out()), 'utf8')))
    const { from: _, ...decisions } = evidence.plan.decisions
    const plan = { ...evidence.plan, decisions }
    writeFileSync(sidecarPath(out()), JSON.stringify({ ...evidence, plan, planDigest: planDigest(plan) }))
    expect(await inspectProblem(replay({ file: out(), parent, out: again() }, context()))).toMatchObject({
      code: 'bad-file',
      message: 'The plan in the evidence does not say how the training was done.',
    })
  })
})
