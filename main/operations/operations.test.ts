import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { BantamError } from '../../shared/errors'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { modelHash, readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { arrayDataset, normals, normalTensor, testContext } from '../quantize/testing'
import { canonicalJson, modelStamp, readEvidence, sidecarPath } from './evidence'
import { compareOutputs } from './parity'
import { replay } from './replay'
import { makeVariant, type VariantRequest } from './variant'
import { verifyFile } from './verify'

const weight = (name: string, dims: number[], seed: number) => normalTensor(name, dims, seed, 0.3)

function network(scale = 1): Model {
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', ['n', 8])],
    nodes: [
      makeNode('Conv', ['x', 'w', 'b'], ['c'], { pads: [1n, 1n, 1n, 1n] }, { name: 'conv' }),
      makeNode('Relu', ['c'], ['r']),
      makeNode('Mul', ['r', 'k'], ['s']),
      makeNode('Mul', ['s', 'k'], ['t']),
      makeNode('GlobalAveragePool', ['t'], ['g']),
      makeNode('Flatten', ['g'], ['f']),
      makeNode('Gemm', ['f', 'v'], ['y'], { transB: 1n }, { name: 'head' }),
    ],
    initializers: [
      weight('w', [16, 3, 3, 3], 1),
      weight('b', [16], 2),
      weight('v', [8, 16], 3),
      makeTensor('k', 'float32', [], [scale]),
    ],
  })
}

const dataset = arrayDataset({ x: { dims: [30, 3, 8, 8], data: normals(30 * 192, 5) } })
const calibration = { dataset, indices: dataset.indices('all') }

let folder: string
let parent: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-operations-'))
  parent = join(folder, 'parent.onnx')
  await writeModel(network(), parent)
})

function request(technique: string, options: Record<string, unknown> = {}): VariantRequest {
  const out = join(folder, 'variant.onnx')
  return { parent, step: { technique, options }, seed: 0, calibration, out, threads: 1, device: 'cpu' }
}

/** Options of the methods that leave small layers alone. */
const SMALL: Record<string, Record<string, unknown>> = {
  'weight-int8': { smallest: 64 },
  'weight-int4': { least: 64, group: 16 },
}

async function failure(promise: Promise<unknown>): Promise<BantamError> {
  return promise.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: BantamError) => error,
  )
}

describe('making a variant', () => {
  test('writes the file, its evidence and its lineage, and nothing else', async () => {
    const context = testContext()
    // Seven bits: without VNNI, products of eight-bit numbers saturate.
    const seven = request('quantize.static-int8', { reduceRange: true })
    const { evidence, sizeBytes } = await makeVariant(seven, context)
    expect(readdirSync(folder).sort()).toEqual(['parent.onnx', 'variant.onnx', 'variant.onnx.bantam.json'])
    expect(readdirSync(context.tempDir)).toEqual([])
    const out = join(folder, 'variant.onnx')
    expect(evidence.result).toEqual({ hash: await modelHash(out), sizeBytes })
    expect(evidence.parent.hash).toBe(await modelHash(parent))
    expect(evidence.dataset).toEqual({ hash: 'memory', source: 'memory', samples: 30 })
    expect(evidence.verification).toMatchObject({ loads: true, parity: { samples: 16 }, notes: [] })
    expect(evidence.verification.parity?.sqnr).toBeGreaterThan(25)
    // What lies between the products stays in float, for its Mul by a constant would gain nothing.
    expect(evidence.verification.ran).toMatchObject({ float: 0, fellBack: [] })
    expect(evidence.verification.ran?.int8).toBe(2)
    expect(await readEvidence(out)).toEqual(evidence)
    expect(modelStamp(await readModel(out))).toMatchObject({
      technique: 'quantize.static-int8',
      parent: evidence.parent.hash,
      plan: evidence.planDigest,
      dataset: 'memory',
      options: canonicalJson({ reduceRange: true }),
    })
  })

  test.each(['dynamic-int8', 'weight-int8', 'weight-int4', 'float16'])('%s without data', async method => {
    const { calibration: _, ...without } = request(`quantize.${method}`, SMALL[method])
    const { evidence } = await makeVariant(without, testContext())
    expect(evidence.dataset).toBeNull()
    expect(evidence.verification.parity?.cosine).toBeGreaterThan(0.99)
    expect(evidence.verification.notes.map(n => n.code)).toEqual(['made-up-inputs'])
  })

  test('a variant of a variant names its own parent', async () => {
    const first = await makeVariant(request('quantize.weight-int8', { smallest: 64 }), testContext())
    const next = {
      ...request('quantize.float16'),
      parent: join(folder, 'variant.onnx'),
      out: join(folder, 'two.onnx'),
    }
    await makeVariant(next, testContext())
    const stamp = modelStamp(await readModel(next.out))
    expect(stamp).toMatchObject({ technique: 'quantize.float16', parent: first.evidence.result.hash })
  })
})

describe('refusals leave nothing behind', () => {
  async function expectNothing(r: VariantRequest, context = testContext()): Promise<BantamError> {
    const error = await failure(makeVariant(r, context))
    expect(readdirSync(folder)).toEqual(['parent.onnx'])
    expect(readdirSync(context.tempDir)).toEqual([])
    return error
  }

  test('an option of the wrong kind', async () => {
    const error = await expectNothing(request('quantize.static-int8', { samples: 0 }))
    expect([error.code, error.where]).toEqual(['bad-option', 'samples'])
    expect(error.message).toMatch(/^The option samples is invalid: /)
  })

  test('an option that does not exist', async () => {
    const error = await expectNothing(request('quantize.float16', { bits: 4 }))
    expect([error.message, error.action]).toEqual([
      'float16 has no option bits.',
      'Its options are type, keep, sqnr, exclude, operators.',
    ])
  })

  test('writing over the parent', async () => {
    const error = await expectNothing({ ...request('quantize.float16'), out: parent })
    expect(error.message).toBe('The result would overwrite the model it is made from.')
  })

  test('cancelling, at any moment', async () => {
    for (const moment of ['Reading the model', 'Measuring ranges', 'Writing the file', 'Proving the file']) {
      const context = testContext()
      const stopping = {
        ...context,
        progress: (_: number, stage: string) => stage === moment && context.cancel(),
      }
      const error = await failure(makeVariant(request('quantize.static-int8'), stopping))
      expect([moment, error.code]).toEqual([moment, 'cancelled'])
      expect(readdirSync(folder)).toEqual(['parent.onnx'])
      expect(readdirSync(context.tempDir)).toEqual([])
    }
  })

  test('a result whose answers are noise is refused, unless forced', async () => {
    // Pairs of channels that differ by a thousandth of one step of their scale, and are subtracted.
    const w = normals(16 * 27, 1)
    for (let c = 0; c < 16; c += 2)
      for (let i = 0; i < 27; i++) w[(c + 1) * 27 + i] = (w[c * 27 + i] as number) + 1e-5
    const model = network()
    model.graph.setInitializer(makeTensor('w', 'float32', [16, 3, 3, 3], w))
    model.graph.setInitializer(makeTensor('b', 'float32', [16], new Float32Array(16)))
    const v = Float32Array.from({ length: 128 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (1 + (i >> 4)))
    model.graph.setInitializer(makeTensor('v', 'float32', [8, 16], v))
    await writeModel(model, parent)
    const error = await expectNothing(request('quantize.static-int8'))
    expect(error.code).toBe('gate')
    expect(error.message).toBe(
      "The result loads but does not work: Output y is the same number everywhere, where the parent's is not.",
    )
    const { evidence } = await makeVariant({ ...request('quantize.static-int8'), force: true }, testContext())
    expect(evidence.verification.notes.map(n => n.code)).toContain('constant-output')
  })

  test('a folder that cannot be written to', async () => {
    const error = await expectNothing({
      ...request('quantize.float16'),
      out: join(folder, 'no/such/out.onnx'),
    })
    expect(error).toBeInstanceOf(Error)
  })
})

describe('verifying', () => {
  test('a variant, whole', async () => {
    const { evidence } = await makeVariant(request('quantize.static-int8'), testContext())
    const result = await verifyFile(join(folder, 'variant.onnx'), testContext())
    expect(result).toMatchObject({ loads: true, intact: true, hash: evidence.result.hash, notes: [] })
  })

  test('a file that is not the one of its evidence', async () => {
    await makeVariant(request('quantize.static-int8'), testContext())
    const out = join(folder, 'variant.onnx')
    writeFileSync(out, readFileSync(parent))
    const result = await verifyFile(out, testContext())
    expect(result.intact).toBe(false)
    expect(result.notes.map(n => n.message)).toEqual([
      'The file is not the one its evidence describes: its hash differs.',
    ])
  })

  test('a size that was changed', async () => {
    const { sizeBytes } = await makeVariant(request('quantize.static-int8'), testContext())
    const out = join(folder, 'variant.onnx')
    const evidence = JSON.parse(readFileSync(sidecarPath(out), 'utf8')) as { result: { sizeBytes: number } }
    evidence.result.sizeBytes = 7
    writeFileSync(sidecarPath(out), JSON.stringify(evidence))
    const { intact, notes } = await verifyFile(out, testContext())
    expect(intact).toBe(false)
    expect(notes.map(n => n.message)).toEqual([`The evidence speaks of 7 bytes; the file has ${sizeBytes}.`])
  })

  test('a plan that was changed', async () => {
    await makeVariant(request('quantize.static-int8'), testContext())
    const out = join(folder, 'variant.onnx')
    const evidence = JSON.parse(readFileSync(sidecarPath(out), 'utf8')) as { plan: { seed: number } }
    evidence.plan.seed = 1
    writeFileSync(sidecarPath(out), JSON.stringify(evidence))
    expect((await verifyFile(out, testContext())).notes.map(n => n.code)).toEqual(['evidence-plan'])
    const error = await failure(replay({ file: out, parent, out: join(folder, 'again.onnx') }, testContext()))
    expect(error.message).toBe('The plan in the evidence was changed: its digest differs.')
  })

  test('a file without evidence, and damaged evidence', async () => {
    expect((await verifyFile(parent, testContext())).notes.map(n => n.code)).toEqual(['no-evidence'])
    writeFileSync(sidecarPath(parent), '{"format": "other"}')
    expect((await failure(verifyFile(parent, testContext()))).message).toMatch(
      /^The evidence is not of the form/,
    )
    writeFileSync(sidecarPath(parent), 'nothing')
    expect((await failure(verifyFile(parent, testContext()))).message).toBe('The evidence is not JSON.')
  })
})

describe('replaying', () => {
  test.each(['static-int8', 'dynamic-int8', 'weight-int8', 'weight-int4', 'float16'])(
    '%s gives the same bytes',
    async method => {
      await makeVariant(request(`quantize.${method}`, SMALL[method]), testContext())
      const again = join(folder, 'again.onnx')
      const { identical } = await replay(
        { file: join(folder, 'variant.onnx'), parent, out: again },
        testContext(),
      )
      expect(identical).toBe(true)
      expect(readFileSync(again).equals(readFileSync(join(folder, 'variant.onnx')))).toBe(true)
    },
  )

  test('refuses another parent, missing evidence, and writing over the file', async () => {
    await makeVariant(request('quantize.float16'), testContext())
    const file = join(folder, 'variant.onnx')
    const other = join(folder, 'other.onnx')
    await writeModel(network(2), other)
    const message = async (r: Parameters<typeof replay>[0]) =>
      (await failure(replay(r, testContext()))).message
    expect(await message({ file, parent: other, out: join(folder, 'a.onnx') })).toBe(
      'This is not the model the variant was made from.',
    )
    expect(await message({ file: other, parent, out: join(folder, 'a.onnx') })).toBe(
      'There is no evidence beside the file, so it cannot be made again.',
    )
    expect(await message({ file, parent, out: file })).toBe(
      'The new file would overwrite the one it is to be compared with.',
    )
    expect(existsSync(join(folder, 'a.onnx'))).toBe(false)
  })
})

describe('parity', () => {
  const output = (...values: number[]) => ({
    y: { type: 'float32' as const, dims: [values.length], data: Float32Array.from(values) },
  })

  test('cosine, largest difference and signal to noise', () => {
    const { parity } = compareOutputs([output(3, 4)], [output(3, 5)], 1)
    expect(parity.maxAbs).toBe(1)
    expect(parity.cosine).toBeCloseTo(29 / (5 * Math.sqrt(34)), 12)
    expect(parity.sqnr).toBeCloseTo(10 * Math.log10(25), 12)
    expect(compareOutputs([output(3, 4)], [output(3, 4)], 1).parity).toEqual({
      samples: 1,
      cosine: 1,
      maxAbs: 0,
      sqnr: null,
    })
  })

  test.each([
    ['constant-output', 'error', output(2, 2, 2)],
    ['not-finite-output', 'error', output(1, Number.NaN, 3)],
    ['unrelated-output', 'error', output(-3, 9, -4)],
    ['weak-agreement', 'warning', output(1.4, 2.9, 2)],
  ])('%s', (code, severity, values) => {
    expect(compareOutputs([output(1, 2, 3)], [values], 1).notes).toMatchObject([{ code, severity }])
  })
})
