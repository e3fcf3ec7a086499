/** What a model of 1.5 GB costs to open, inspect and write: time, and above all memory. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readModel } from '../onnx/read'
import { writeModel } from '../onnx/write'
import { inspectModel } from './inspect'

const script = join(dirname(fileURLToPath(import.meta.url)), '../../bench/large-model.mjs')
const BLOCKS = 11
const PARAMETERS = BLOCKS * (2 * 2048 * 8192 + 2048 + 8192 + 1)
/** Of the whole test process; the model is 1.5 GB. */
const LIMIT_MB = 500

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-large-'))
  path = join(folder, 'large.onnx')
  execFileSync(process.execPath, [script, path, '1.5'])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function peakMegabytes(): number {
  return process.resourceUsage().maxRSS / 1024
}

describe('a model of 1.5 GB', () => {
  it('with external data is inspected within flat memory', async () => {
    const started = performance.now()
    const summary = await inspectModel(path)
    const seconds = (performance.now() - started) / 1000
    process.stdout.write(`inspect: ${seconds.toFixed(1)} s, peak ${peakMegabytes().toFixed(0)} MB\n`)
    expect(summary.sizeBytes).toBeGreaterThan(1.47e9)
    expect(summary.parameters).toBe(PARAMETERS)
    expect(summary.macs).toBe(BLOCKS * 2 * 2048 * 8192)
    expect(summary.notes.map(n => n.code)).toEqual(['dynamic-shapes', 'external-data'])
    expect(peakMegabytes()).toBeLessThan(LIMIT_MB)
    expect(seconds).toBeLessThan(60)
  })

  it('is written as one file and read back from it without its weights', async () => {
    const single = join(folder, 'single.onnx')
    await writeModel(await readModel(path), single, { externalAbove: Number.POSITIVE_INFINITY })
    const summary = await inspectModel(single)
    expect(summary.parameters).toBe(PARAMETERS)
    expect(summary.notes.map(n => n.code)).toEqual(['dynamic-shapes'])
    const again = join(folder, 'again.onnx')
    await writeModel(await readModel(single), again, { externalAbove: 0 })
    expect(statSync(`${again}.data`).size).toBe(statSync(`${path}.data`).size)
    process.stdout.write(`written and read as one file: peak ${peakMegabytes().toFixed(0)} MB\n`)
    expect(peakMegabytes()).toBeLessThan(LIMIT_MB)
  })
})
