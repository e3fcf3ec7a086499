/**
 * Work in a fresh process of its own: load time and peak memory that nothing else disturbs, proof that a saved file
 * loads from disk, and things that may crash. The process is `fresh-child.ts`; it answers one request and is gone.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Device, TensorInfo } from '../../shared/domain'
import { BantamError, type ErrorData, fromErrorData } from '../../shared/errors'
import { entryPath, WARM } from './entry'
import type { Tensor } from './tensor'

/** Loads a model from disk and runs it once for every entry of `feeds` (not at all without). */
export interface LoadRequest {
  kind: 'load'
  model: string
  feeds?: Record<string, Tensor>[] | Record<string, Tensor>
  device?: Device
  threads?: number
  optimization?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  /** Prefix of the profile that is written of the runs. */
  profilePrefix?: string
}

/** Makes a session of a one-node model on a device, and runs it. */
export interface DeviceRequest {
  kind: 'device'
  device: Device
}

export type FreshRequest = LoadRequest | DeviceRequest

export interface LoadAnswer {
  kind: 'load'
  /** Milliseconds from the call that opens the file to a session that can run. */
  loadMs: number
  /** Peak resident memory of the process, bytes, the runtime itself included. */
  peakMemoryBytes: number
  /** Resident memory before the model was opened: the part of the peak that is Node and ONNX Runtime. */
  baselineBytes: number
  inputs: TensorInfo[]
  outputs: TensorInfo[]
  /** What each entry of `feeds` gave, when the request had any (one entry when `feeds` was a single record). */
  results?: Record<string, Tensor>[]
}

export interface DeviceAnswer {
  kind: 'device'
}

export type FreshAnswer<R extends FreshRequest> = R extends LoadRequest ? LoadAnswer : DeviceAnswer

export interface FreshOptions {
  /** Kills the process; the call then throws `cancelled`. */
  signal?: AbortSignal
  /** Kills the process after so many milliseconds; the call then throws `crashed`. Default ten minutes. */
  timeoutMs?: number
  /** Another script in place of the built entry. */
  entry?: string
  /** A process from `startFresh` that has had no request yet; a new one is started when it is gone. */
  child?: ChildProcess
}

/** What the child sends back. */
export type FreshReply = { answer: LoadAnswer | DeviceAnswer } | { error: ErrorData }

let spare: ChildProcess | undefined

const DEFAULT_TIMEOUT_MS = 600_000
const STDERR_KEPT = 4000

/**
 * Starts a warm process ahead of the `startFresh` that will be given it, for a caller who knows that there will be one. It
 * does not keep this process alive, and ends with it.
 */
export function prepareFresh(): void {
  if (spare) return
  spare = startFresh({ warm: true })
  // One that could not be started is not alive; `startFresh` then tries again.
  spare.on('error', () => undefined)
  keep(spare, 'unref')
}

function keep(child: ChildProcess, how: 'ref' | 'unref'): void {
  child[how]()
  child.channel?.[how]()
  // A pipe of a child is a socket; the typings know the readable side only.
  ;(child.stderr as Socket | null)?.[how]()
}

function takeSpare(): ChildProcess | undefined {
  const child = spare
  spare = undefined
  if (child) keep(child, 'ref')
  return child && alive(child) ? child : undefined
}

function alive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/**
 * Starts a fresh process that waits for its request, so that its start-up overlaps other work: give it to
 * `inFreshProcess` as `child`, or kill it. A `warm` one starts ONNX Runtime while it waits, which then is no part of
 * the load time it measures: for proofs, not for measurements.
 */
export function startFresh(options: { entry?: string; warm?: boolean } = {}): ChildProcess {
  const ready = options.warm && !options.entry ? takeSpare() : undefined
  if (ready) return ready
  return fork(options.entry ?? entryPath('fresh'), options.warm ? [WARM] : [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  })
}

/**
 * Runs one request in a fresh process and waits until that process is gone.
 * Throws the child's own error; `crashed` with the signal or exit code and the end of its error output when it dies
 * without an answer, or takes too long; `cancelled` when the signal aborts.
 */
export async function inFreshProcess<R extends FreshRequest>(
  request: R,
  options: FreshOptions = {},
): Promise<FreshAnswer<R>> {
  if (options.signal?.aborted) {
    options.child?.kill('SIGKILL')
    throw new BantamError('cancelled', 'Cancelled.')
  }
  const ready = options.child && alive(options.child) ? options.child : undefined
  const child = ready ?? startFresh(options)
  const reply = await converse(child, request, options)
  if ('error' in reply) throw fromErrorData(reply.error)
  // The child answers in the kind it was asked.
  return reply.answer as FreshAnswer<R>
}

function converse(child: ChildProcess, request: FreshRequest, options: FreshOptions): Promise<FreshReply> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  return new Promise((resolve, reject) => {
    let reply: FreshReply | undefined
    let stopped: BantamError | undefined
    let stderr = ''
    child.stderr?.on('data', chunk => {
      stderr = (stderr + String(chunk)).slice(-STDERR_KEPT)
    })
    const stop = (error: BantamError) => {
      stopped ??= error
      child.kill('SIGKILL')
    }
    const abort = () => stop(new BantamError('cancelled', 'Cancelled.'))
    const timer = setTimeout(() => {
      stop(new BantamError('crashed', `${task(request)} took longer than ${Math.round(timeoutMs / 1000)} s.`))
    }, timeoutMs)
    options.signal?.addEventListener('abort', abort, { once: true })
    const settled = () => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
    }
    child.on('message', message => {
      reply = message as FreshReply
      // Nothing is left to do: what teardown would do, or fail to do, does not matter any more.
      child.kill('SIGKILL')
    })
    child.on('error', cause => {
      settled()
      reject(new BantamError('crashed', `A fresh process could not be started: ${cause.message}`, { cause }))
    })
    // `close` comes after `exit` and after stderr was read to its end.
    child.on('close', (code, signal) => {
      settled()
      if (reply) resolve(reply)
      else reject(stopped ?? crash(request, code, signal, stderr))
    })
    child.send(request, error => {
      // A child that died early closes the channel; `close` then tells how it died.
      if (error && child.connected)
        stop(new BantamError('internal', `The request was not sent: ${error.message}`))
    })
  })
}

function crash(
  request: FreshRequest,
  code: number | null,
  signal: string | null,
  stderr: string,
): BantamError {
  const how = signal ? `signal ${signal}` : `exit code ${code}`
  const tail = plainTail(stderr)
  return new BantamError('crashed', `${task(request)} crashed (${how})${tail ? `: ${tail}` : '.'}`, {
    action: 'ONNX Runtime itself failed here; the model may be outside what it supports.',
    ...(request.kind === 'load' ? { where: request.model } : {}),
  })
}

function task(request: FreshRequest): string {
  return request.kind === 'load'
    ? 'The process that loads and runs the model'
    : `The process that tries the device ${request.device}`
}

/** The last lines of a log without colour codes, on one line. */
export function plainTail(text: string, lines = 3): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colour codes begin with ESC
  const plain = text.replace(/\u001b\[[0-9;]*m/g, '')
  return plain
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !/^\s*at /.test(line))
    .slice(-lines)
    .join(' / ')
}
