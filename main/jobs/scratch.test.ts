import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sweepScratch, withScratch } from './scratch'

test('a folder goes with its work, and what a killed process left goes later', async () => {
  const root = mkdtempSync(join(tmpdir(), 'bantam-scratch-'))
  try {
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    const [left, own, other] = [`bantam-ask-${gone}-a`, `bantam-ask-${process.pid}-b`, 'other'].map(name =>
      join(root, name),
    )
    for (const path of [left, own, other]) mkdirSync(path ?? '')
    await sweepScratch(root)
    expect(existsSync(left ?? '')).toBe(true)
    await sweepScratch(root, Date.now() + 2 * 3_600_000)
    expect([left, own, other].map(path => existsSync(path ?? ''))).toEqual([false, true, true])
    let folder = ''
    const failing = withScratch(async path => {
      folder = path
      expect(existsSync(path)).toBe(true)
      throw new Error('no')
    }, root)
    await expect(failing).rejects.toThrow('no')
    expect(existsSync(folder)).toBe(false)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
