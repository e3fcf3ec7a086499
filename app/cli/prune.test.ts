/** `bantam prune` and `bantam sensitivity`, run as commands on a small net. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectModel } from '../../main/measure/inspect'
import { writeModel } from '../../main/onnx/write'
import { spiral, spiralNet } from '../../main/training/testing'
import { type BuiltCli, buildCli, document, refused, refusedEach } from './testing'

let cli: BuiltCli
let folder: string
const path = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-prune-test-'))
  cli = await buildCli()
  await writeModel(spiralNet(64), path('net.onnx'))
  const data = spiral(240)
  const { feeds, labels } = await data.batch(data.indices('all'))
  const x = feeds.x?.data ?? []
  const rows = Array.from({ length: 240 }, (_, i) => `${x[2 * i]},${x[2 * i + 1]},arm${labels?.[i]}`)
  writeFileSync(path('data.csv'), `a,b,label\n${rows.join('\n')}\n`)
}, 120_000)
afterAll(() => {
  cli.remove()
  rmSync(folder, { recursive: true, force: true })
})

const data = () => ['--data', path('data.csv'), '--input', 'x=a,b', '--threads', '1']

function prune(out: string, ...args: string[]): string[] {
  const method = args.includes('--method') ? [] : ['--method', 'channels', '--multiple', '1']
  return ['prune', path('net.onnx'), ...method, '--out', path(out), ...args]
}

const left = (name: string) => readdirSync(folder).filter(file => file.startsWith(name))

describe('prune', () => {
  it('tells what the file is, not what the plan said, and is replayed to the same bytes', async () => {
    const d = document(cli.run(...prune('p.onnx', '--amount', '0.5', '--json')))
    const keys = ['out', 'sizeBytes', 'parent', 'seconds', 'plan', 'notes', 'verified', 'parameters', 'macs']
    expect(Object.keys(d)).toEqual([...keys, 'history', 'best', 'ended', 'evaluation'])
    const [before, after] = [await inspectModel(path('net.onnx')), await inspectModel(path('p.onnx'))]
    expect(d.parameters).toEqual({ before: before.parameters, after: after.parameters })
    expect(d.macs).toEqual({ before: before.macs, after: after.macs })
    expect(d.macs.after / d.macs.before).toBeCloseTo(0.5, 1)
    expect([d.sizeBytes, d.parent.sizeBytes]).toEqual([after.sizeBytes, before.sizeBytes])
    expect(d.plan.decisions.after).toMatchObject({ parameters: after.parameters, macs: after.macs })
    expect([d.history, d.best, d.ended, d.evaluation]).toEqual([[], null, null, null])
    expect(left('p.onnx')).toEqual(['p.onnx', 'p.onnx.bantam.json'])
    expect(document(cli.run('replay', path('p.onnx'), '--json')).identical).toBe(true)
  }, 120_000)

  it('recovers in rounds, compares, leaves no checkpoint, and is replayed to the same bytes', () => {
    const args = ['--amount', '0.4', '--recover', '2', '--steps', '2', ...data(), '--split', 'train']
    const evaluated = ['--eval-data', path('data.csv'), '--eval-split', 'test']
    const d = document(cli.run(...prune('r.onnx', ...args, ...evaluated, '--json')))
    expect(d.history.map((e: { epoch: number }) => e.epoch)).toEqual([1, 2, 3, 4])
    expect(d.ended).toBe('done')
    expect(d.evaluation.data.count).toBeGreaterThan(20)
    expect(d.plan.decisions).toMatchObject({ from: 'train', threads: 1 })
    expect(left('r.onnx')).toEqual(['r.onnx', 'r.onnx.bantam.json'])
    expect(document(cli.run('replay', path('r.onnx'), '--json')).identical).toBe(true)
  }, 120_000)

  it('recovers by statistics alone', () => {
    const args = ['--amount', '0.3', '--recovery', 'statistics', ...data()]
    const d = document(cli.run(...prune('s.onnx', ...args, '--json')))
    expect([d.history, d.ended]).toEqual([[], null])
    expect(d.macs.after).toBeLessThan(0.75 * d.macs.before)
    expect(document(cli.run('replay', path('s.onnx'), '--json')).identical).toBe(true)
  }, 120_000)

  it('shows a person the parts and what they cost, before and after', () => {
    const { code, stdout } = cli.run(...prune('h.onnx', '--amount', '0.5'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^part +kind +before +after +parameters +MACs\nw\d\[\d\] +ffn +64 +\d+ /)
    expect(stdout).toMatch(/\nparameters +4\.5\d k +\d[.\d]* k +\d+ % stays\nMACs /)
    expect(stdout).toContain('\nwrote ')
  }, 120_000)

  it('tries without writing', () => {
    const args = ['--method', 'channels', '--multiple', '1', '--dry-run']
    const d = document(cli.run('prune', path('net.onnx'), ...args, '--json'))
    expect(Object.keys(d)).toEqual(['plan', 'parameters', 'macs', 'sizeBytes', 'latency', 'notes'])
    expect(d.macs.after).toBeLessThan(d.macs.before)
    expect(d.sizeBytes.after).toBeLessThan(d.sizeBytes.before)
    expect(d.latency.low).toBeLessThanOrEqual(d.latency.ratio)
    expect(left('net.onnx')).toEqual(['net.onnx'])
  }, 120_000)

  it('refuses what cannot work, in one line', () => {
    const missing = path('none.onnx')
    refusedEach(cli, [
      [
        ['prune', missing, '--method', 'channels', '--out', path('x.onnx')],
        `There is no such model file. [${missing}] Check the path.`,
      ],
      [
        prune('x.onnx', '--amount', '1'),
        "Option '--amount <n>' argument '1' is invalid. It must be a number above 0 and below 1. See `bantam prune --help`.",
      ],
      [
        prune('x.onnx', '--method', 'chanels', '--amount', '0.5'),
        /^There is no method chanels\. \[--method\] Choose one of: channels, /,
      ],
      [
        ['prune', path('net.onnx'), '--method', 'channels'],
        "Required option '--out <file>' not specified. Say where to write the result, or add --dry-run.",
      ],
      [
        prune('x.onnx', '--widths', 'group=nope,keep=0.5'),
        'There is no group nope that could be reduced. [widths] Those that can are w0[1], w1[1].',
      ],
      [
        prune('x.onnx', '--amount', '0.99', '--least', '0.5'),
        /^At most \d+ % of the .+ can go, not 99 %\. \[amount\] /,
      ],
      [
        prune('x.onnx', '--importance', 'taylor'),
        'taylor is measured on samples. [--data] Add --data DATA, or choose another --importance.',
      ],
      [
        prune('x.onnx', '--resume'),
        'There is no training to go on with: nothing is recovered. [--resume] Leave it out, or add --recover EPOCHS.',
      ],
    ])
    expect(left('x.onnx')).toEqual([])
  }, 120_000)

  it('is stopped with nothing left but its checkpoint', async () => {
    const args = prune('k.onnx', '--amount', '0.5', '--recover', '100000', ...data())
    const child = spawn(process.execPath, [cli.file, ...args])
    const ended = new Promise(resolve => child.on('close', resolve))
    while (!existsSync(path('k.onnx.checkpoint/lock'))) await new Promise(resolve => setTimeout(resolve, 20))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(left('k.onnx').filter(name => name !== 'k.onnx.checkpoint')).toEqual([])
  }, 120_000)
})

describe('sensitivity', () => {
  it('measures every part alone', () => {
    const args = [path('net.onnx'), ...data(), '--keep', '0.5,0.25', '--samples', '120']
    const [json, text] = cli.runEach([
      ['sensitivity', ...args, '--json'],
      ['sensitivity', ...args],
    ])
    const d = document(json)
    expect(d).toMatchObject({ model: path('net.onnx'), metric: 'accuracy', samples: 120, importance: 'l2' })
    expect(d.curves.map((c: { id: string }) => c.id)).toEqual(['w0[1]', 'w1[1]'])
    for (const { size, points } of d.curves) {
      expect(size).toBe(64)
      expect(points.map((p: { keep: number; to: number }) => [p.keep, p.to])).toEqual([
        [0.5, 32],
        [0.25, 16],
      ])
    }
    expect(text?.stdout).toMatch(/^accuracy on labels: \d+\.\d\d % on 120 samples, whole/)
    expect(text?.stdout).toMatch(/\npart +kind +size +MACs +50 % stays +25 % stays\n/)
  }, 120_000)

  it('measures every layer alone in 8 bits, and looks into one', () => {
    const args = [path('net.onnx'), ...data(), '--of', 'quantize', '--calibrated', '100', '--samples', '120']
    const d = document(cli.run('sensitivity', ...args, '--no-per-channel', '--json'))
    expect(d).toMatchObject({ metric: 'accuracy', samples: 120, calibrated: 100 })
    expect(d.options).toMatchObject({ perChannel: false, calibration: 'minmax', samples: 100 })
    const ids: string[] = d.layers.map((l: { id: string }) => l.id)
    expect(ids.length).toBe(3)
    const one = ['sensitivity', ...args, '--layer', ids[1] ?? '']
    const [text, json, shown, stranger, wrong] = cli.runEach([
      ['sensitivity', ...args],
      [...one, '--json'],
      one,
      ['sensitivity', ...args, '--layer', 'nothing'],
      ['sensitivity', ...args, '--keep', '0.5'],
    ])
    expect(text?.stdout).toMatch(/\nlayer +op +MACs +whole +weights +activations +dB +outliers\n/)
    const layer = document(json)
    expect(layer.tensors.map((t: { role: string }) => t.role)).toEqual(['input', 'weight'])
    expect(layer.findings.length).toBeGreaterThan(0)
    expect(shown?.stdout).toMatch(/\nentropy +-?\d.* dB\n/)
    expect(shown?.stdout).toMatch(/\n• /)
    refused(
      stranger,
      'The layer is not among those that static int8 quantizes. [nothing] Choose a layer that the sensitivity lists.',
    )
    refused(wrong, /^Unknown option '--keep'/)
  }, 120_000)

  it('refuses shares that are none', () => {
    refused(
      cli.run('sensitivity', path('net.onnx'), ...data(), '--keep', '0.5,2'),
      "Option '--keep <shares>' argument '0.5,2' is invalid. Write shares above 0 and below 1, such as 0.75,0.5. See `bantam sensitivity --help`.",
    )
  })
})
