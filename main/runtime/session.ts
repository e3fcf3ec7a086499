/** ONNX Runtime sessions. The only file that creates them. */
import { statSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import type { Device, TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { checkFeeds, checkFetches, checkPlace } from './feeds'
import type { ElementType, Tensor, TensorData } from './tensor'

// Official builds of ONNX Runtime 1.29 and later send model names and hashes to their maker unless this is set before
// the first session of the process (microsoft/onnxruntime#27379). Nothing leaves the machine here.
process.env.ORT_DISABLE_TELEMETRY = '1'

/**
 * Where `Float16Array` exists (Node 24), ORT holds float16 in it, and then refuses it as too short
 * (microsoft/onnxruntime#32323). It looks for the global once, when the first tensor of the process is made; made
 * here with the global out of sight, float16 stays `Uint16Array` on every runtime.
 */
function holdHalvesAsUint16(): void {
  const scope = globalThis as { Float16Array?: unknown }
  const hidden = scope.Float16Array
  if (!hidden) return
  try {
    delete scope.Float16Array
    new ort.Tensor('float16', new Uint16Array(1), [1])
  } finally {
    scope.Float16Array = hidden
  }
}
holdHalvesAsUint16()

export interface SessionOptions {
  device?: Device
  /** Threads inside one operator. */
  threads?: number
  optimization?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  /** Where ORT writes the graph it optimized. */
  optimizedPath?: string
  /** Prefix of the profile ORT writes on `endProfiling`. */
  profilePrefix?: string
  /** `session.…` configuration keys; values are strings. */
  config?: Record<string, string>
  /** False asks for exact buffer sizes instead of powers of two. */
  arena?: boolean
  /**
   * False does without one block laid out for all values of a run: less memory where many live long, as in training.
   * True by default.
   */
  memoryPattern?: boolean
}

/** Names of outputs, or names with the tensors they are written into. */
export type Fetches = readonly string[] | Readonly<Record<string, Tensor | null>>

export type BoundRun = (feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>

export interface Session {
  readonly inputs: TensorInfo[]
  readonly outputs: TensorInfo[]
  /**
   * Runs once. Returns all tensor outputs (sequences are left out), or those named in `fetches`. A tensor in `fetches`
   * is written into, and left out of what is returned; null there asks for a new one. Feeds the model does not have are
   * ignored. Throws `bad-data` when a feed is missing or does not fit, `unsupported` for outputs that cannot be read.
   */
  run(feeds: Record<string, Tensor>, fetches?: Fetches): Promise<Record<string, Tensor>>
  /**
   * A run that is repeated: what stays the same from run to run is checked and wrapped here, once. The arrays given are
   * read and written anew in every run. The function returned takes the feeds that change, and throws as `run` does.
   */
  bind(feeds: Record<string, Tensor>, fetches?: Fetches): BoundRun
  endProfiling(): void
  /** Frees the model's memory. Always call it; calling it again does nothing. */
  close(): Promise<void>
}

/**
 * Opens a model file, or the bytes of one. External data is found beside the file; with bytes, in `directory`.
 * Throws `bad-model` with ORT's own words when it refuses the model, `not-found` when there is no such file,
 * `unsupported` when the device is not available or an input or output has a type that cannot be exchanged.
 */
export async function openSession(
  source: string | Uint8Array,
  options: SessionOptions = {},
  directory?: string,
): Promise<Session> {
  const config = { ...options.config }
  if (directory && typeof source !== 'string') {
    config['session.model_external_initializers_file_folder_path'] = directory
  }
  const sessionOptions: ort.InferenceSession.SessionOptions = {
    executionProviders: [options.device ?? 'cpu'],
    graphOptimizationLevel: options.optimization ?? 'all',
    intraOpNumThreads: options.threads ?? 0,
    interOpNumThreads: 1,
    // What goes wrong is thrown as an error; said twice, it would stand on the terminal in ORT's words.
    logSeverityLevel: 4,
    enableCpuMemArena: options.arena ?? true,
    enableMemPattern: options.memoryPattern ?? true,
    extra: config,
    ...(options.optimizedPath ? { optimizedModelFilePath: options.optimizedPath } : {}),
    ...(options.profilePrefix ? { enableProfiling: true, profileFilePrefix: options.profilePrefix } : {}),
  }
  if (typeof source === 'string') requireFile(source)
  let session: ort.InferenceSession
  try {
    session =
      typeof source === 'string'
        ? await ort.InferenceSession.create(source, sessionOptions)
        : await ort.InferenceSession.create(source, sessionOptions)
  } catch (error) {
    throw refusal(error, options.device ?? 'cpu', typeof source === 'string' ? source : undefined)
  }
  return new OrtSession(session)
}

function requireFile(path: string): void {
  const kind = statSync(path, { throwIfNoEntry: false })
  if (kind?.isFile()) return
  const message = kind ? 'This is a folder, not a model file.' : 'The model file does not exist.'
  throw new BantamError('not-found', message, { where: path, action: 'Check the path.' })
}

/** ORT's message without its file and line noise. */
function ortMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\/[^\s:]*\.(?:cc|h):\d+ /g, '').trim()
}

/** Element types ORT computes with but its Node binding cannot exchange, by ONNX data type number. */
const NOT_EXCHANGED: Record<string, string> = {
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
}

function refusal(cause: unknown, device: Device, where: string | undefined): BantamError {
  const message = ortMessage(cause)
  const place = where ? { where } : {}
  const type = /^Unsupported data type: (\d+)/.exec(message)?.[1]
  if (type) {
    const name = NOT_EXCHANGED[type] ?? `data type ${type}`
    return new BantamError(
      'unsupported',
      `An input or output of the model is ${name}, which ONNX Runtime for Node cannot exchange.`,
      { ...place, cause, action: 'Add a Cast to float32 at that input or output.' },
    )
  }
  if (
    device !== 'cpu' &&
    /backend not found|execution provider|ExecutionProvider|adapter|shared library/i.test(message)
  ) {
    return new BantamError('unsupported', `The device ${device} is not available: ${message}`, {
      ...place,
      cause,
      action: 'Choose the device cpu.',
    })
  }
  return new BantamError('bad-model', `ONNX Runtime refuses the model: ${message}`, {
    ...place,
    cause,
    action: 'Export it again with operators and an opset that ONNX Runtime knows.',
  })
}

class OrtSession implements Session {
  readonly inputs: TensorInfo[]
  readonly outputs: TensorInfo[]
  private closed = false

  constructor(private readonly session: ort.InferenceSession) {
    this.inputs = session.inputMetadata.map(tensorInfo)
    this.outputs = session.outputMetadata.map(tensorInfo)
  }

  async run(feeds: Record<string, Tensor>, fetches?: Fetches): Promise<Record<string, Tensor>> {
    return this.bind({}, fetches)(feeds)
  }

  bind(feeds: Record<string, Tensor>, fetches?: Fetches): BoundRun {
    const fixed = this.inputs.filter(i => feeds[i.name])
    const varying = this.inputs.filter(i => !feeds[i.name])
    checkFeeds(fixed, feeds)
    const bound: Record<string, ort.Tensor> = {}
    for (const { name } of fixed) bound[name] = toOrt(feeds[name] as Tensor)
    const wanted = this.wanted(fetches)
    checkFetches(this.outputs, Object.keys(wanted))
    const places: Record<string, ort.Tensor | null> = {}
    for (const [name, place] of Object.entries(wanted)) {
      if (place) checkPlace(this.outputs, name, place)
      places[name] = place && toOrt(place)
    }
    const returned = Object.keys(wanted).filter(name => !wanted[name])
    return async changing => {
      if (this.closed) throw new BantamError('internal', 'The session was closed before this run.')
      checkFeeds(varying, changing)
      const inputs = { ...bound }
      for (const { name } of varying) inputs[name] = toOrt(changing[name] as Tensor)
      let results: ort.InferenceSession.OnnxValueMapType
      try {
        results = await this.session.run(inputs, places)
      } catch (error) {
        throw new BantamError('bad-model', `ONNX Runtime could not run the model: ${ortMessage(error)}`, {
          cause: error,
          action: 'Check that the data fits the inputs.',
        })
      }
      return Object.fromEntries(returned.map(name => [name, fromOrt(results[name] as ort.Tensor)]))
    }
  }

  private wanted(fetches: Fetches | undefined): Readonly<Record<string, Tensor | null>> {
    if (fetches && !isNames(fetches)) return fetches
    const names = fetches ?? this.outputs.filter(o => o.type !== 'sequence').map(o => o.name)
    return Object.fromEntries(names.map(name => [name, null]))
  }

  endProfiling(): void {
    this.session.endProfiling()
  }

  async close(): Promise<void> {
    if (this.closed) return // releasing twice throws
    this.closed = true
    await this.session.release()
  }
}

function isNames(fetches: Fetches): fetches is readonly string[] {
  return Array.isArray(fetches)
}

function tensorInfo(meta: ort.InferenceSession.ValueMetadata): TensorInfo {
  if (!meta.isTensor) return { name: meta.name, type: 'sequence', shape: [] }
  return { name: meta.name, type: meta.type, shape: meta.shape.map(d => d) }
}

function toOrt(tensor: Tensor): ort.Tensor {
  // ORT's typings list each type with its own array; the pair is right by the definition of Tensor.
  return new ort.Tensor(tensor.type as 'float32', tensor.data as Float32Array, tensor.dims)
}

function fromOrt(tensor: ort.Tensor): Tensor {
  const data = tensor.data as unknown as TensorData
  if (tensor.type === 'float16' && !(data instanceof Uint16Array)) {
    const view = data as unknown as ArrayBufferView
    return {
      type: 'float16',
      dims: [...tensor.dims],
      data: new Uint16Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength / 2),
    }
  }
  return { type: tensor.type as ElementType, dims: [...tensor.dims], data }
}
