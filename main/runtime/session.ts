/** ONNX Runtime sessions. The only file that creates them. */
import * as ort from 'onnxruntime-node'
import type { Device, TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { ElementType, Tensor, TensorData } from './tensor'

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
}

export interface Session {
  readonly inputs: TensorInfo[]
  readonly outputs: TensorInfo[]
  /** Runs once. Returns all outputs, or those named in `fetches`. */
  run(feeds: Record<string, Tensor>, fetches?: readonly string[]): Promise<Record<string, Tensor>>
  endProfiling(): void
  close(): Promise<void>
}

/**
 * Opens a model file, or the bytes of one. External data is found beside the file; with bytes, in `directory`.
 * Throws `bad-model` with ORT's own words when it refuses the model.
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
    logSeverityLevel: 3,
    enableCpuMemArena: options.arena ?? true,
    extra: config,
    ...(options.optimizedPath ? { optimizedModelFilePath: options.optimizedPath } : {}),
    ...(options.profilePrefix ? { enableProfiling: true, profileFilePrefix: options.profilePrefix } : {}),
  }
  let session: ort.InferenceSession
  try {
    session =
      typeof source === 'string'
        ? await ort.InferenceSession.create(source, sessionOptions)
        : await ort.InferenceSession.create(source, sessionOptions)
  } catch (error) {
    throw new BantamError('bad-model', `ONNX Runtime refuses the model: ${ortMessage(error)}`, {
      cause: error,
    })
  }
  return new OrtSession(session)
}

/** ORT's message without its file and line noise. */
function ortMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\/[^\s:]*\.(?:cc|h):\d+ /g, '').trim()
}

class OrtSession implements Session {
  readonly inputs: TensorInfo[]
  readonly outputs: TensorInfo[]
  private closed = false

  constructor(private readonly session: ort.InferenceSession) {
    this.inputs = session.inputMetadata.map(tensorInfo)
    this.outputs = session.outputMetadata.map(tensorInfo)
    const fourBit = this.outputs.find(o => o.type === 'int4' || o.type === 'uint4')
    // Reading a 4-bit output aborts the whole process (onnxruntime-node 1.30).
    if (fourBit) {
      throw new BantamError(
        'unsupported',
        `Output ${fourBit.name} is ${fourBit.type}, which cannot be read here.`,
      )
    }
  }

  async run(feeds: Record<string, Tensor>, fetches?: readonly string[]): Promise<Record<string, Tensor>> {
    const inputs: Record<string, ort.Tensor> = {}
    for (const [name, tensor] of Object.entries(feeds)) inputs[name] = toOrt(tensor)
    let results: ort.InferenceSession.OnnxValueMapType
    try {
      results = fetches ? await this.session.run(inputs, [...fetches]) : await this.session.run(inputs)
    } catch (error) {
      throw new BantamError('bad-model', `ONNX Runtime could not run the model: ${ortMessage(error)}`, {
        cause: error,
        action: 'Check that the data fits the inputs.',
      })
    }
    return Object.fromEntries(
      Object.entries(results).map(([name, value]) => [name, fromOrt(value as ort.Tensor)]),
    )
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

function tensorInfo(meta: ort.InferenceSession.ValueMetadata): TensorInfo {
  if (!meta.isTensor) return { name: meta.name, type: 'sequence', shape: [] }
  return { name: meta.name, type: meta.type, shape: meta.shape.map(d => d) }
}

function toOrt(tensor: Tensor): ort.Tensor {
  if (tensor.type === 'float16') return halfTensor(tensor)
  // ORT's typings list each type with its own array; the pair is right by the definition of Tensor.
  return new ort.Tensor(tensor.type as 'float32', tensor.data as Float32Array, tensor.dims)
}

/**
 * float16 tensors are refused where `Float16Array` exists (Node 24; microsoft/onnxruntime#32323), because ORT then
 * takes a Uint16Array for something else. Hiding the global while the tensor is made avoids it.
 */
function halfTensor(tensor: Tensor): ort.Tensor {
  const scope = globalThis as { Float16Array?: unknown }
  const hidden = scope.Float16Array
  try {
    if (hidden) delete scope.Float16Array
    return new ort.Tensor('float16', tensor.data as Uint16Array, tensor.dims)
  } finally {
    if (hidden) scope.Float16Array = hidden
  }
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
