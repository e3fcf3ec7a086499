import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BantamError } from '../../shared/errors'
import { BAD_FILES } from './bad-files'
import { checkModel } from './check'
import { modelHash, readModel, readModelBytes } from './read'
import { FIXTURES, REAL_MODELS } from './testing'
import { serialize } from './write'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-read-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function problem(path: string): Promise<BantamError> {
  try {
    checkModel(await readModel(path))
  } catch (error) {
    if (error instanceof BantamError) return error
    throw error
  }
  throw new Error('The file was accepted.')
}

describe('bad files', () => {
  it.each(BAD_FILES.map(bad => [bad.name, bad] as const))('%s', async (_, bad) => {
    const error = await problem(bad.make(folder))
    expect({ code: error.code, message: error.message }).toEqual({ code: bad.code, message: bad.message })
    expect(error.where).not.toBe('')
  })

  it('name the file, the place in it and what to do, for one of several models may be at fault', async () => {
    const path = BAD_FILES.find(bad => bad.name === 'a cycle')?.make(folder) ?? ''
    const model = await readModel(path)
    expect(() => checkModel(model, path)).toThrow(
      expect.objectContaining({ where: `${path}, Add add`, action: 'Export the model again.' }),
    )
  })

  it('says that there is no file, or that it is a folder', async () => {
    expect((await problem(join(folder, 'none.onnx'))).message).toBe('There is no such file.')
    expect((await problem(folder)).message).toBe('This is a folder, not an ONNX file.')
  })

  it('are refused as well when the file is read in pages', async () => {
    const path = join(folder, 'cut.onnx')
    const whole = serialize(await readModel(FIXTURES[0] ?? ''))
    writeFileSync(path, whole.subarray(0, whole.byteLength - 100))
    await expect(readModel(path, { pagedAbove: 10 })).rejects.toThrow(/a field runs past its end/)
  })
})

describe('hostile bytes', () => {
  const valid = () => readModel(FIXTURES.find(path => path.includes('convolutions.torchscript')) ?? '')

  it('never end in anything but a model or a BantamError', async () => {
    const bytes = serialize(await valid())
    const change = fc.array(fc.tuple(fc.nat(bytes.byteLength - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(change, fc.nat(bytes.byteLength), (edits, length) => {
        const damaged = bytes.slice(0, length > bytes.byteLength / 2 ? length : bytes.byteLength)
        for (const [at, value] of edits) damaged[at % damaged.byteLength] = value
        try {
          checkModel(readModelBytes(damaged, folder))
        } catch (error) {
          expect(error).toBeInstanceOf(BantamError)
        }
      }),
      { numRuns: 400, seed: 7 },
    )
  })

  it('that are random are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 4000 }), bytes => {
        expect(() => readModelBytes(bytes, null)).toThrow(BantamError)
      }),
      { numRuns: 400, seed: 8 },
    )
  })
})

describe('models of others', () => {
  it.each([...REAL_MODELS, ...FIXTURES])('%s is read and found in order', async path => {
    const model = await readModel(path)
    checkModel(model)
    expect(model.graph.nodes.length).toBeGreaterThan(1)
    expect(model.opset()).toBeGreaterThan(6)
  })

  it('hash as any other tool hashes the file', async () => {
    const path = REAL_MODELS[0] ?? ''
    const other = execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64)
    expect(await modelHash(path)).toBe(other)
  })

  it('have fixtures of both exporters', () => {
    expect(FIXTURES.filter(path => path.includes('.dynamo.'))).toHaveLength(3)
    expect(FIXTURES.filter(path => path.includes('.torchscript.'))).toHaveLength(3)
    expect(existsSync(FIXTURES[0] ?? '')).toBe(true)
    expect(readdirSync(folder)).toEqual([])
  })
})
