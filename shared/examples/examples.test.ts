import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ArrayPreprocessing, ImagePreprocessing } from '../domain'
import { browserPage } from './browser'
import { csharpExample, csharpProgram } from './csharp'
import { answerOf, type ExampleModel, exampleInputs } from './model'
import { nodeExample, nodeProgram } from './node'
import { pythonExample, pythonProgram } from './python'

const image: ImagePreprocessing = {
  kind: 'image',
  height: 224,
  width: 200,
  channels: 'rgb',
  fit: 'crop',
  cropScale: 1.143,
  interpolation: 'bilinear',
  layout: 'NCHW',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  padValue: 0.5,
}

const model: ExampleModel = {
  name: 'Small',
  file: 'small.onnx',
  inputs: [
    { name: 'pixels', type: 'float32', shape: ['batch', 3, 224, 200] },
    { name: 'threshold', type: 'int64', shape: [] },
  ],
  outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 2] }],
  preprocessing: image,
  classes: ['cat', 'dog'],
  answer: 'logits',
  bundle: null,
}
const bundled: ExampleModel = { ...model, file: 'model.onnx', bundle: { external: [] } }
const plain: ArrayPreprocessing = { kind: 'array', scale: 1, mean: [0], std: [1] }
const PROGRAMS = [nodeProgram, pythonProgram, csharpProgram, browserPage]

describe('what every example builds on', () => {
  it('sets symbolic and unknown dimensions to one and counts a scalar as one element', () => {
    expect(exampleInputs(model).map(i => [i.shape, i.size, i.prepared])).toEqual([
      [[1, 3, 224, 200], 134_400, true],
      [[], 1, false],
    ])
  })

  it('gives a picture its own height and width where the model leaves them open', () => {
    const open = [{ name: 'pixels', type: 'float32', shape: ['', 3, 'h', 'w'] }]
    expect(exampleInputs({ ...model, inputs: open })[0]?.shape).toEqual([1, 3, 224, 200])
    const last = { ...image, layout: 'NHWC' as const }
    const shape = ['', 'h', 'w', 3]
    const nhwc = { ...model, inputs: [{ name: 'p', type: 'float32', shape }], preprocessing: last }
    expect(exampleInputs(nhwc)[0]?.shape).toEqual([1, 224, 200, 3])
  })

  it('prepares arrays for every input of the first type', () => {
    const inputs = ['float32', 'int64', 'float32'].map((type, i) => ({ name: `x${i}`, type, shape: [1, 2] }))
    const arrays = { ...model, inputs, preprocessing: plain }
    expect(exampleInputs(arrays).map(i => i.prepared)).toEqual([true, false, true])
  })

  it('finds the output that answers for the classes, and none elsewhere', () => {
    const data = { task: 'classification' as const, classes: ['cat', 'dog'] }
    expect(answerOf(model.outputs, data)).toBe('logits')
    expect(answerOf(model.outputs, { ...data, task: 'regression' })).toBeNull()
    expect(answerOf(model.outputs, { ...data, classes: ['cat', 'dog', 'cow'] })).toBeNull()
    expect(answerOf([{ name: 'ids', type: 'int64', shape: [1, 2] }], data)).toBeNull()
    expect(answerOf(model.outputs, null)).toBeNull()
  })
})

describe('an example in a bundle and one that stands alone', () => {
  it('are the same program but for what lies around them', () => {
    const core = (code: string) =>
      code.slice(code.indexOf('const convert'), code.indexOf('/** Reads a picture'))
    expect(core(nodeProgram(model)).length).toBeGreaterThan(1500)
    expect(core(nodeProgram(model))).toBe(core(nodeProgram(bundled)))
    const load = (code: string) => code.slice(code.indexOf('def fit'), code.indexOf('def main'))
    expect(load(pythonProgram(model)).length).toBeGreaterThan(1500)
    expect(load(pythonProgram(model))).toBe(load(pythonProgram(bundled)))
    const prepare = (code: string) => code.slice(code.indexOf('// The likeliest'))
    expect(prepare(csharpProgram(model)).length).toBeGreaterThan(1500)
    expect(prepare(csharpProgram(model))).toBe(prepare(csharpProgram(bundled)))
  })

  it('read a sample only in a bundle, and hold the classes and the preprocessing only alone', () => {
    for (const program of PROGRAMS) {
      expect(program(bundled)).toContain('sample/0.npy')
      expect(program(bundled)).toContain('labels.json')
      expect(program(bundled)).not.toContain('"dog"')
      expect(program(model)).not.toContain('sample/')
      expect(program(model)).not.toContain('.json')
      expect(program(model)).toContain('"dog"')
      expect(program(model)).toContain('small.onnx"')
      expect(program({ ...model, answer: null })).not.toContain('"dog"')
    }
  })

  it('are what the files of a bundle hold', () => {
    expect(nodeExample(bundled)['node/index.mjs']).toBe(nodeProgram(bundled))
    expect(pythonExample(bundled)['python/run.py']).toBe(pythonProgram(bundled))
    expect(pythonExample(bundled)['python/requirements.txt']).toBe('numpy\nonnxruntime>=1.30\nPillow\n')
    expect(csharpExample(bundled)['csharp/Program.cs']).toBe(csharpProgram(bundled))
    expect(csharpExample(bundled)['csharp/Example.csproj']).toContain('SixLabors.ImageSharp')
    const arrays = { ...bundled, preprocessing: null }
    expect(csharpExample(arrays)['csharp/Example.csproj']).not.toContain('SixLabors')
    expect(nodeExample(arrays)['node/package.json']).not.toContain('sharp')
  })

  it('say how arrays were prepared, and only when they were', () => {
    const shifted = { ...plain, mean: [0.13], std: [0.3] }
    const scaled = { ...plain, scale: 1 / 255 }
    for (const program of PROGRAMS) {
      expect(program({ ...model, preprocessing: shifted })).toContain('mean = [0.13], std = [0.3]')
      expect(program({ ...model, preprocessing: scaled })).toContain('Measured with x * (1 / 255).')
      expect(program({ ...model, preprocessing: plain })).not.toContain('mean')
      expect(program({ ...model, preprocessing: null })).not.toMatch(/sharp|PIL|ImageSharp|image\//)
    }
  })
})

describe('Node', () => {
  const code = nodeProgram(model)
  it('uses the names, shapes and types of the model', () => {
    expect(code).toContain(`InferenceSession.create("small.onnx")`)
    expect(code).toContain(
      `"pixels": tensor(files[0] ? await load(files[0]) : { type: "float32", dims: [1, 3, 224, 200]`,
    )
    expect(code).toContain(`{ type: "int64", dims: [], data: new BigInt64Array(1) }`)
    expect(code).toContain(`results["logits"]`)
  })

  it('repeats the preprocessing', () => {
    expect(code).toContain('"height":224,"width":200,"channels":"rgb","fit":"crop","cropScale":1.143')
    expect(code).toContain('width * preprocessing.cropScale')
    expect(code).toContain('data[(c * height + y) * width + x]')
  })

  it('reverses channels for bgr, keeps them together for NHWC and pads where asked', () => {
    const other = nodeProgram({
      ...model,
      preprocessing: { ...image, channels: 'bgr', layout: 'NHWC', fit: 'pad' },
    })
    expect(other).toContain('* channels + 2 - c]')
    expect(other).toContain('data[(y * width + x) * channels + c]')
    expect(other).toContain('"padValue":0.5')
    expect(other).not.toContain('preprocessing.cropScale')
  })

  it('gives integer inputs integer arrays', () => {
    const bytes = { name: 'pixels', type: 'uint8', shape: [1, 3, 224, 200] }
    expect(nodeProgram({ ...model, inputs: [bytes] })).toContain('Uint8Array.from(data, x => Math.round(x))')
    const text = { name: 'words', type: 'string', shape: [1, 2] }
    expect(nodeProgram({ ...model, inputs: [text], preprocessing: null })).toContain(
      `{ type: "string", dims: [1, 2], data: new Array(2).fill('') }`,
    )
  })

  it('prints plain outputs of what is no classifier', () => {
    expect(nodeProgram({ ...model, answer: null })).not.toMatch(/labels|classes/)
  })
})

describe('the other languages', () => {
  it('Python names the layout and all inputs', () => {
    const code = pythonProgram(model)
    expect(code).toContain('Image.Resampling[p["interpolation"].upper()]')
    expect(code).toContain('"interpolation":"bilinear"')
    expect(code).toContain('x.transpose(2, 0, 1)[None]')
    expect(code).toContain('else np.zeros((), np.int64),')
    expect(code).toContain('labels = ["cat","dog"]')
  })

  it('C# has a tensor of the right type for every input', () => {
    const code = csharpProgram(model)
    expect(code).toContain('new DenseTensor<float>(Prepare(files[0]), new[] { 1, 3, 224, 200 })')
    expect(code).toContain('new DenseTensor<long>(new long[1], new int[0])')
    expect(code).toContain('Size = new Size(229, 256), Mode = ResizeMode.Crop')
    expect(code).toContain('new Rectangle(15, 16, 200, 224)')
    const padded = csharpProgram({ ...model, preprocessing: { ...image, fit: 'pad' } })
    expect(padded).toContain('PadColor = Color.FromRgb(128, 128, 128)')
  })

  it('the browser reads pixels at the size of the picture and resizes them itself', () => {
    const code = browserPage(model)
    expect(code).toContain('context.getImageData(0, 0, width, height)')
    expect(code).toContain('width * preprocessing.cropScale')
    expect(code).toContain('create("./small.onnx")')
    expect(browserPage({ ...bundled, bundle: { external: ['w.bin'] } })).toContain(
      `create('../model.onnx', { externalData: [{ path: "w.bin", data: "../w.bin" }] })`,
    )
  })

  it('keep hostile names inside their literals and comments', () => {
    const evil = `</script>"'\n*/ {0}`
    const inputs = [{ name: evil, type: 'float32', shape: [1, 2] }]
    const hostile = { ...model, name: evil, inputs, classes: [evil, 'b'], preprocessing: null }
    for (const m of [hostile, { ...hostile, bundle: { external: [] } }]) {
      expect(browserPage(m).match(/<\/script>/g)).toHaveLength(1)
      for (const program of PROGRAMS) expect(program(m)).not.toContain('\n*/ {0}')
    }
  })
})

describe('the Node example alone', () => {
  let folder: string
  const digits: ExampleModel = {
    name: 'digits',
    file: 'digits-teacher.onnx',
    inputs: [{ name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 10] }],
    preprocessing: { ...plain, scale: 1 / 255, mean: [0.5], std: [0.25] },
    classes: Array.from({ length: 10 }, (_, i) => `digit ${i}`),
    answer: 'logits',
    bundle: null,
  }
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bantam-example-'))
    copyFileSync('samples/digits-teacher.onnx', join(folder, 'digits-teacher.onnx'))
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function run(program: ExampleModel, ...args: string[]) {
    writeFileSync(join(folder, 'example.mjs'), nodeProgram(program))
    return spawnSync(process.execPath, ['example.mjs', ...args], { cwd: folder, encoding: 'utf8' })
  }

  /** A .npy of version 1.0 with bytes. */
  function npy(dims: string, data: Uint8Array): Uint8Array {
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${dims}), }`.padEnd(117)
    return Buffer.concat([
      Buffer.from([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]),
      Buffer.from(`${header}\n`),
      data,
    ])
  }

  it('runs zeros without a file, and a file through the preprocessing', () => {
    const { stdout, stderr } = run(digits)
    expect(stderr).toBe('')
    expect(stdout.split('\n')[0]).toMatch(/^digit \d: \d+\.\d\d %$/)
    // Raw 127.5 is what becomes a fed 0: bytes 127 and 128 lie on either side of it.
    const raw = Uint8Array.from({ length: 784 }, (_, i) => 127 + (i % 2))
    writeFileSync(join(folder, 'raw.npy'), npy('1, 1, 28, 28', raw))
    const zeros = JSON.parse(run(digits, '--json').stdout).logits as number[]
    const near = JSON.parse(run(digits, 'raw.npy', '--json').stdout).logits as number[]
    const far = JSON.parse(run({ ...digits, preprocessing: plain }, 'raw.npy', '--json').stdout)
      .logits as number[]
    expect(near).toHaveLength(10)
    for (const [i, value] of near.entries())
      expect(Math.abs(value - (zeros[i] ?? Number.NaN))).toBeLessThan(0.5)
    expect(Math.max(...far.map((value, i) => Math.abs(value - (zeros[i] ?? 0))))).toBeGreaterThan(5)
  })

  it('refuses more files than inputs', () => {
    const { status, stderr } = run(digits, 'a.npy', 'b.npy')
    expect([status, stderr]).toEqual([2, 'Give at most one file for each of: input\n'])
  })
})
