import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { expect, test } from 'vitest'
import { inFolder } from '../workspace/fixture'
import { writeZip } from './zip'

test('another reader finds the same files, and the same input gives the same bytes', () =>
  inFolder(async folder => {
    const big = new Uint8Array(3_000_000).map((_, i) => (i * 7919) % 251)
    const source = join(folder, 'big.bin')
    writeFileSync(source, big)
    const entries = [
      { name: 'net/model.onnx', content: source },
      { name: 'net/ä b.json', content: new TextEncoder().encode('{"a":1}') },
      { name: 'net/empty', content: new Uint8Array(0) },
    ]
    const bytes = await writeZip(join(folder, 'a.zip'), entries)
    await writeZip(join(folder, 'b.zip'), entries)
    const archive = readFileSync(join(folder, 'a.zip'))
    expect(archive.length).toBe(bytes)
    expect(archive.equals(readFileSync(join(folder, 'b.zip')))).toBe(true)
    const read = unzipSync(archive)
    expect(Object.keys(read)).toEqual(['net/model.onnx', 'net/ä b.json', 'net/empty'])
    expect(Buffer.from(read['net/model.onnx'] ?? []).equals(Buffer.from(big))).toBe(true)
    expect(new TextDecoder().decode(read['net/ä b.json'])).toBe('{"a":1}')
  }))

test.runIf(existsSync('/usr/bin/python3'))('a reader that checks everything finds no fault', () =>
  inFolder(async folder => {
    const path = join(folder, 'a.zip')
    await writeZip(path, [{ name: 'x', content: new TextEncoder().encode('hello') }])
    const script =
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), z.read("x").decode())'
    expect(execFileSync('/usr/bin/python3', ['-c', script, path], { encoding: 'utf8' }).trim()).toBe(
      'None hello',
    )
  }),
)

test('folders are refused', () =>
  inFolder(async folder => {
    await expect(writeZip(join(folder, 'a.zip'), [{ name: 'x', content: folder }])).rejects.toThrow(
      'Only files can be packed.',
    )
  }))
