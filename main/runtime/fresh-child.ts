/** Entry of the process that `inFreshProcess` starts: answers one request over the IPC channel. */
import { readFileSync } from 'node:fs'
import type { Device } from '../../shared/domain'
import { toErrorData } from '../../shared/errors'
import { WARM } from './entry'
import type { DeviceAnswer, DeviceRequest, FreshReply, FreshRequest, LoadAnswer, LoadRequest } from './fresh'
import { openSession } from './session'
import type { Tensor } from './tensor'
import { makeTinyModel } from './tiny-model'

async function answer(request: FreshRequest): Promise<LoadAnswer | DeviceAnswer> {
  return request.kind === 'load' ? load(request) : tryDevice(request)
}

async function load(request: LoadRequest): Promise<LoadAnswer> {
  const baselineBytes = peakMemory()
  const start = performance.now()
  const session = await openSession(request.model, {
    ...(request.device ? { device: request.device } : {}),
    ...(request.threads ? { threads: request.threads } : {}),
    ...(request.optimization ? { optimization: request.optimization } : {}),
    ...(request.profilePrefix ? { profilePrefix: request.profilePrefix } : {}),
  })
  const loadMs = performance.now() - start
  const results: Record<string, Tensor>[] = []
  for (const feeds of feedList(request)) results.push(await session.run(feeds))
  if (request.profilePrefix) session.endProfiling()
  const { inputs, outputs } = session
  const measured = { loadMs, peakMemoryBytes: peakMemory(), baselineBytes, inputs, outputs }
  return { kind: 'load', ...measured, ...(request.feeds ? { results } : {}) }
}

function feedList(request: LoadRequest): Record<string, Tensor>[] {
  if (!request.feeds) return []
  return Array.isArray(request.feeds) ? request.feeds : [request.feeds]
}

async function tryDevice(request: DeviceRequest): Promise<DeviceAnswer> {
  await runTiny(request.device)
  return { kind: 'device' }
}

async function runTiny(device: Device): Promise<void> {
  const session = await openSession(makeTinyModel(), { device, threads: 1 })
  await session.run({ x: { type: 'float32', dims: [1], data: Float32Array.of(1) } })
  await session.close()
}

/**
 * Peak resident bytes of this process. Linux keeps the peak per address space (VmHWM); `maxRSS` there also counts the
 * parent's memory at the moment of the fork, so it is used on other systems only.
 */
function peakMemory(): number {
  if (process.platform === 'linux') {
    const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (line) return Number(line[1]) * 1024
  }
  return process.resourceUsage().maxRSS * 1024
}

// What is wrong with the runtime shows again in the answer to the request.
if (process.argv.includes(WARM)) runTiny('cpu').catch(() => undefined)

process.once('message', message => {
  // The parent sends nothing but requests.
  answer(message as FreshRequest)
    .then(
      (result): FreshReply => ({ answer: result }),
      (error): FreshReply => ({ error: toErrorData(error) }),
    )
    .then(reply => process.send?.(reply))
})
