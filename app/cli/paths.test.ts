import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { outputFile, outputFolder } from './paths'

const folder = mkdtempSync(join(tmpdir(), 'bantam-paths-'))
const file = join(folder, 'taken.txt')
writeFileSync(file, 'here')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('outputFolder', () => {
  it('takes a folder that is there, and one that is yet to be made', () => {
    for (const path of [folder, join(folder, 'a/b')]) expect(outputFolder(path)).toBe(path)
  })

  it.each(['', '/deeper'])('refuses a file in its way%s', rest => {
    expect(() => outputFolder(file + rest)).toThrow('--out is a file, or lies inside one.')
  })
})

describe('outputFile', () => {
  it.runIf(process.platform !== 'win32')('refuses a device', () => {
    expect(() => outputFile('/dev/null')).toThrow('--out is a device or a pipe, not a file.')
  })

  it('refuses a folder, a missing folder, and the input', () => {
    expect(() => outputFile(folder)).toThrow('--out is a folder.')
    expect(() => outputFile(join(folder, 'missing/x.onnx'))).toThrow()
    expect(() => outputFile(file, [file])).toThrow('--out is the same file as the input.')
  })
})
