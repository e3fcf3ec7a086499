import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inFreshProcess, plainTail, prepareFresh, startFresh } from './fresh'
import { makeTinyModel } from './tiny-model'

let folder: string
let model: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-fresh-'))
  model = join(folder, 'tiny.onnx')
  writeFileSync(model, makeTinyModel())
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function script(name: string, code: string): string {
  const path = join(folder, name)
  writeFileSync(path, code)
  return path
}

describe('inFreshProcess', () => {
  it('loads a model, runs every feed and measures time and memory', async () => {
    const feeds = [1.5, -2].map(x => ({
      x: { type: 'float32' as const, dims: [1], data: Float32Array.of(x) },
    }))
    const answer = await inFreshProcess({ kind: 'load', model, feeds })
    expect(answer.results?.map(r => r.y?.data)).toEqual([Float32Array.of(3), Float32Array.of(-4)])
    expect(answer.inputs).toEqual([{ name: 'x', type: 'float32', shape: [1] }])
    expect(answer.loadMs).toBeGreaterThan(0)
    expect(answer.loadMs).toBeLessThan(10_000)
    expect(answer.peakMemoryBytes).toBeGreaterThan(answer.baselineBytes)
    expect(answer.baselineBytes).toBeGreaterThan(10_000_000)
  })

  it('measures its own memory, not that of a large parent', async () => {
    const ballast = Buffer.alloc(600_000_000, 1)
    const { peakMemoryBytes } = await inFreshProcess({ kind: 'load', model })
    expect(peakMemoryBytes).toBeLessThan(ballast.length)
  })

  it("passes on the child's own error", async () => {
    const broken = join(folder, 'broken.onnx')
    writeFileSync(broken, 'not a model')
    await expect(inFreshProcess({ kind: 'load', model: broken })).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('ONNX Runtime refuses the model'),
    })
  })

  it('tries a device', async () => {
    expect(await inFreshProcess({ kind: 'device', device: 'cpu' })).toEqual({ kind: 'device' })
  })

  it('turns a segmentation fault into an error with the end of the error output', async () => {
    const entry = script(
      'segv.mjs',
      `process.stderr.write('\\u001b[31mlast words\\u001b[0m\\n'); process.once('message', () => process.kill(process.pid, 'SIGSEGV'))`,
    )
    await expect(inFreshProcess({ kind: 'load', model }, { entry })).rejects.toMatchObject({
      code: 'crashed',
      message: 'The process that loads and runs the model crashed (signal SIGSEGV): last words',
      where: model,
    })
  })

  it('turns an abort into an error', async () => {
    const entry = script('abort.mjs', `process.once('message', () => process.abort())`)
    await expect(inFreshProcess({ kind: 'device', device: 'cuda' }, { entry })).rejects.toMatchObject({
      code: 'crashed',
      message: expect.stringContaining('The process that tries the device cuda crashed (signal SIGABRT)'),
    })
  })

  it('tells an exit without an answer, whatever its code', async () => {
    const entry = script('exit.mjs', `process.once('message', () => process.exit(134))`)
    await expect(inFreshProcess({ kind: 'load', model }, { entry })).rejects.toMatchObject({
      message: 'The process that loads and runs the model crashed (exit code 134).',
    })
  })

  it('kills a process that takes too long', async () => {
    const entry = script('hang.mjs', `process.once('message', () => { for (;;); })`)
    await expect(inFreshProcess({ kind: 'load', model }, { entry, timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'crashed',
      message: 'The process that loads and runs the model took longer than 1 s.',
    })
  })

  it('kills the process on abort', async () => {
    const entry = script('hang2.mjs', `process.once('message', () => { for (;;); })`)
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 300)
    await expect(
      inFreshProcess({ kind: 'load', model }, { entry, signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('starts nothing when already aborted', async () => {
    await expect(
      inFreshProcess({ kind: 'load', model }, { signal: AbortSignal.abort(), entry: '/nowhere' }),
    ).rejects.toMatchObject({ code: 'cancelled' })
  })
})

describe('plainTail', () => {
  it('keeps the last lines without colours or stack frames', () => {
    expect(plainTail('\u001b[31mone\u001b[0m\n\ntwo\n    at f (x.js:1)\nthree\nfour\n')).toBe(
      'two / three / four',
    )
  })
})

describe('a process prepared ahead', () => {
  it('is the one that the next proof is given, once, and answers as any other', async () => {
    prepareFresh()
    prepareFresh()
    const [first, second] = [startFresh({ warm: true }), startFresh({ warm: true })]
    expect(second.pid).not.toBe(first.pid)
    second.kill('SIGKILL')
    const feeds = { x: { type: 'float32' as const, dims: [1], data: Float32Array.of(4) } }
    const { results } = await inFreshProcess({ kind: 'load', model, feeds }, { child: first })
    expect(results?.[0]?.y?.data).toEqual(Float32Array.of(8))
  })

  it('is never given to a measurement, whose load time a started runtime would shorten', async () => {
    prepareFresh()
    const measuring = startFresh()
    const prepared = startFresh({ warm: true })
    expect(measuring.spawnargs).not.toContain('--warm')
    expect(prepared.spawnargs).toContain('--warm')
    for (const child of [measuring, prepared]) child.kill('SIGKILL')
  })
})
