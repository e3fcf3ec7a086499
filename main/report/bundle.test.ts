import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ImagePreprocessing, ImagePreprocessing as ImageSchema } from '../../shared/domain'
import { preprocessImage } from '../data/image'
import type { TaskContext } from '../jobs/context'
import { inspectModel } from '../measure/inspect'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import { toNumbers } from '../runtime/tensor'
import { type BundleInput, writeBundle } from './bundle'
import { encodeNpy } from './bundle/npy'
import { makeEvaluation, makeReportInput } from './fixture'

const TEACHER = resolve('samples/digits-teacher.onnx')
const CLASSES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
let folder: string
let context: TaskContext

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-bundle-test-'))
  context = {
    progress: () => undefined,
    log: () => undefined,
    signal: new AbortController().signal,
    tempDir: folder,
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function inputFor(model: string, changes: Partial<BundleInput> = {}): Promise<BundleInput> {
  return {
    model,
    name: 'digits',
    summary: await inspectModel(model),
    dataset: null,
    sample: null,
    evidence: null,
    evaluation: null,
    benchmark: null,
    generatedAt: '2026-01-01T00:00:00.000Z',
    bantam: '0.1.0',
    ...changes,
  }
}

/** Runs the Node example with the project's own packages. */
function runNode(bundle: string, ...args: string[]) {
  const modules = join(bundle, 'node/node_modules')
  if (!existsSync(modules)) symlinkSync(resolve('node_modules'), modules, 'junction')
  const result = spawnSync(process.execPath, [join(bundle, 'node/index.mjs'), ...args], { encoding: 'utf8' })
  return { ...result, lines: result.stdout.trim().split('\n') }
}

function digitsData(): BundleInput['dataset'] {
  const [data] = makeReportInput().datasets
  if (!data) throw new Error('the fixture has a dataset')
  const preprocessing = { kind: 'array' as const, scale: 1 / 255, mean: [0.5], std: [0.25] }
  return { ...data, classes: CLASSES, spec: { ...data.spec, preprocessing } }
}

describe('writeBundle', () => {
  it('writes a Node example that gives the same answers as the engine', async () => {
    const out = join(folder, 'digits')
    const raw = Uint8Array.from({ length: 784 }, (_, i) => (i * 37) % 256)
    const fed = Float32Array.from(raw, x => (x / 255 - 0.5) / 0.25)
    const sample = { input: { type: 'float32' as const, dims: [1, 1, 28, 28], data: fed } }
    const files = await writeBundle(
      await inputFor(TEACHER, { dataset: digitsData(), sample, evaluation: makeEvaluation(0.98) }),
      out,
      context,
    )
    expect(files.map(f => f.path)).toEqual([
      'README.md',
      'browser/index.html',
      'browser/package.json',
      'csharp/Example.csproj',
      'csharp/Program.cs',
      'evidence.json',
      'labels.json',
      'model.onnx',
      'node/index.mjs',
      'node/package.json',
      'preprocessing.json',
      'python/requirements.txt',
      'python/run.py',
      'sample/0.npy',
      'sample/expected.json',
    ])
    const session = await openSession(TEACHER, { threads: 1 })
    const { logits } = await session.run(sample)
    await session.close()
    if (!logits) throw new Error('the teacher has logits')
    const expected = Array.from(toNumbers(logits))

    const shown = runNode(out)
    expect(shown.stderr).toBe('')
    const best = CLASSES[expected.indexOf(Math.max(...expected))]
    expect(shown.lines[0]).toMatch(new RegExp(`^${best}: \\d+\\.\\d\\d %$`))
    const difference = Number(/answers: (\S+)$/.exec(shown.lines.at(-1) ?? '')?.[1])
    expect(difference).toBeLessThan(1e-4)

    // Raw bytes of a person's own file go through the preprocessing.
    const own = join(folder, 'own.npy')
    writeFileSync(own, encodeNpy({ type: 'uint8', dims: [1, 1, 28, 28], data: raw }))
    const answers = JSON.parse(runNode(out, own, '--json').stdout).logits as number[]
    expect(answers).toHaveLength(10)
    for (const [i, value] of answers.entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 3)
    expect(runNode(out, own, own).status).toBe(2)
  })

  it('writes numbers, their origin and the names into the README and the examples', async () => {
    const out = join(folder, 'readme')
    const input = makeReportInput()
    await writeBundle(
      await inputFor(TEACHER, {
        dataset: digitsData(),
        evaluation: makeEvaluation(0.979, [-0.001, -0.004, 0.002, 0.6]),
        benchmark: null,
      }),
      out,
      context,
    )
    const readme = readFileSync(join(out, 'README.md'), 'utf8')
    expect(readme).toContain(
      'Against the reference model: speed not compared; no accuracy difference shown on 1,000 samples: −0.10 points (−0.40 to +0.20).',
    )
    expect(readme).toContain(
      '| Accuracy | 97.90 % (96.90 % to 98.90 %) | no difference shown: −0.10 points (−0.40 to +0.20) |',
    )
    expect(readme).toContain('Speed was not measured.')
    expect(readme).toContain('- Input input: float32 \\[')
    expect(JSON.parse(readFileSync(join(out, 'labels.json'), 'utf8'))).toEqual(CLASSES)
    expect(JSON.parse(readFileSync(join(out, 'preprocessing.json'), 'utf8'))).toMatchObject({
      kind: 'array',
      mean: [0.5],
    })
    expect(JSON.parse(readFileSync(join(out, 'evidence.json'), 'utf8')).sample).toBe(
      'made up (random values)',
    )
    for (const file of ['node/index.mjs', 'python/run.py', 'csharp/Program.cs', 'browser/index.html']) {
      expect(readFileSync(join(out, file), 'utf8')).toContain('"logits"')
    }
    expect(input.variants).toHaveLength(3)
  })

  it('preprocesses pictures exactly as the engine, however they are fitted', async () => {
    const picture = {
      width: 41,
      height: 23,
      channels: 3 as const,
      data: Uint8Array.from({ length: 41 * 23 * 3 }, (_, i) => (i * 73 + (i >> 5) * 11) % 256),
    }
    const file = join(folder, 'picture.png')
    await sharp(picture.data, { raw: picture }).png().toFile(file)
    const cases: Partial<ImagePreprocessing>[] = [
      {
        fit: 'crop',
        interpolation: 'bilinear',
        mean: [0.4, 0.5, 0.6],
        std: [0.2, 0.3, 0.4],
        cropScale: 1.143,
      },
      { fit: 'pad', interpolation: 'bicubic', channels: 'bgr', layout: 'NHWC', padValue: 0.3 },
      { fit: 'stretch', interpolation: 'nearest', channels: 'gray', scale: 1 },
    ]
    for (const [i, changes] of cases.entries()) {
      const preprocessing = ImageSchema.parse({ kind: 'image', height: 17, width: 29, ...changes })
      const channels = preprocessing.channels === 'gray' ? 1 : 3
      const shape = preprocessing.layout === 'NCHW' ? [1, channels, 17, 29] : [1, 17, 29, channels]
      const model = join(folder, `picture-${i}.onnx`)
      const built = makeModel({
        nodes: [makeNode('Identity', ['x'], ['y'])],
        inputs: [makeValue('x', 'float32', shape)],
        outputs: [makeValue('y', 'float32', shape)],
        initializers: [],
      })
      await writeModel(built, model)
      const data = digitsData()
      if (!data) throw new Error('made above')
      const dataset = { ...data, task: 'none' as const, classes: [], spec: { ...data.spec, preprocessing } }
      const out = join(folder, `picture-bundle-${i}`)
      await writeBundle(await inputFor(model, { dataset }), out, context)
      const { stdout, stderr } = runNode(out, file, '--json')
      expect(stderr).toBe('')
      const expected = Float32Array.from(preprocessImage(picture, preprocessing))
      expect(Float32Array.from(JSON.parse(stdout).y as number[])).toEqual(expected)
    }
  })

  it('takes external data along', async () => {
    const model = join(folder, 'big.onnx')
    const built = makeModel({
      nodes: [makeNode('Add', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float32', [4096])],
      outputs: [makeValue('y', 'float32', [4096])],
      initializers: [makeTensor('w', 'float32', [4096], new Float32Array(4096).fill(2))],
    })
    await writeModel(built, model, { externalAbove: 1024 })
    const out = join(folder, 'external')
    const files = await writeBundle(await inputFor(model), out, context)
    const external = files.filter(f => f.bytes >= 4096 * 4 && !f.path.startsWith('sample/'))
    expect(external).toHaveLength(1)
    expect(readFileSync(join(out, 'browser/index.html'), 'utf8')).toContain(external[0]?.path ?? 'none')
    expect(runNode(out).lines.at(-1)).toBe("Largest difference to Bantam's answers: 0")
  })

  it('keeps hostile names inside their literals', async () => {
    const evil = `</script>"'\n*/ {0}`
    const model = join(folder, 'evil.onnx')
    const built = makeModel({
      nodes: [makeNode('Identity', [evil], ['y'])],
      inputs: [makeValue(evil, 'float32', [1, 2])],
      outputs: [makeValue('y', 'float32', [1, 2])],
      initializers: [],
    })
    await writeModel(built, model)
    const out = join(folder, 'evil')
    await writeBundle(await inputFor(model, { name: `evil ${evil}` }), out, context)
    expect(runNode(out).lines.at(-1)).toBe("Largest difference to Bantam's answers: 0")
    const page = readFileSync(join(out, 'browser/index.html'), 'utf8')
    expect(page.match(/<\/script>/g)).toHaveLength(1)
  })

  it('refuses a folder that holds something, and leaves it alone', async () => {
    const out = join(folder, 'filled')
    mkdirSync(out)
    writeFileSync(join(out, 'mine.txt'), 'mine')
    await expect(writeBundle(await inputFor(TEACHER), out, context)).rejects.toThrow(
      'The folder for the bundle is not empty.',
    )
    expect(readdirSync(out)).toEqual(['mine.txt'])
    expect(readdirSync(folder).filter(name => name.startsWith('.bantam-bundle'))).toEqual([])
  })

  it('refuses text inputs', () => {
    expect(() => encodeNpy({ type: 'string', dims: [1], data: ['a'] })).toThrow(
      'Text cannot be written as .npy.',
    )
  })
})
