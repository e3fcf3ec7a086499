/** Where models can run: each device is tried, in a process of its own, since a driver may take its process along. */
import type { Device } from '../../shared/domain'
import { toErrorData } from '../../shared/errors'
import { inFreshProcess } from '../runtime/fresh'

export interface DeviceInfo {
  id: Device
  label: string
  available: boolean
  /** Why not; '' when available. */
  reason: string
}

const LABELS: Record<Device, string> = {
  cpu: 'CPU',
  webgpu: 'GPU (WebGPU)',
  cuda: 'NVIDIA GPU (CUDA)',
  dml: 'GPU (DirectML)',
  coreml: 'Apple (Core ML)',
}

let known: Promise<DeviceInfo[]> | undefined

/** Every device with whether a model really ran on it. Tried once per process. */
export function listDevices(): Promise<DeviceInfo[]> {
  known ??= probeAll()
  return known
}

async function probeAll(): Promise<DeviceInfo[]> {
  const ids = Object.keys(LABELS) as Device[] // the keys of a Record<Device, …>
  return Promise.all(ids.map(probe))
}

async function probe(id: Device): Promise<DeviceInfo> {
  const label = LABELS[id]
  const elsewhere = wrongSystem(id)
  if (elsewhere) return { id, label, available: false, reason: elsewhere }
  try {
    await inFreshProcess({ kind: 'device', device: id }, { timeoutMs: 60_000 })
    return { id, label, available: true, reason: '' }
  } catch (error) {
    return { id, label, available: false, reason: plainReason(id, toErrorData(error).message) }
  }
}

function wrongSystem(id: Device, platform: string = process.platform): string | undefined {
  if (id === 'dml' && platform !== 'win32') return 'DirectML exists on Windows only.'
  if (id === 'coreml' && platform !== 'darwin') return 'Core ML exists on macOS only.'
  if (id === 'cuda' && platform === 'darwin') return 'CUDA does not exist on macOS.'
  return undefined
}

/** ONNX Runtime's words as a person would say them; unknown ones are passed on. */
export function plainReason(id: Device, message: string): string {
  if (id === 'cuda' && /shared library|backend not found|load library/i.test(message)) {
    return 'The CUDA libraries of ONNX Runtime are not installed. They are fetched when the project is installed with WITH_CUDA=1.'
  }
  if (id === 'cuda' && /driver|no CUDA-capable device/i.test(message)) {
    return 'No NVIDIA GPU with a working driver was found.'
  }
  if (id === 'webgpu' && /adapter|vulkan|backend not found/i.test(message)) {
    return 'No GPU that WebGPU can use was found (it needs a Vulkan, Metal or Direct3D 12 driver).'
  }
  if (/backend not found/i.test(message)) return 'This build of ONNX Runtime does not have it.'
  return message
}
