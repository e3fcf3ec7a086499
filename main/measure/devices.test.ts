import { describe, expect, it } from 'vitest'
import { listDevices, plainReason } from './devices'

describe('listDevices', () => {
  it('finds the CPU and gives a reason for every device that is not there', async () => {
    const devices = await listDevices()
    expect(devices.map(d => d.id)).toEqual(['cpu', 'webgpu', 'cuda', 'dml', 'coreml'])
    expect(devices[0]).toEqual({ id: 'cpu', label: 'CPU', available: true, reason: '' })
    for (const { available, reason } of devices) {
      if (available) expect(reason).toBe('')
      else expect(reason).toMatch(/^[A-Z].*\.$/s)
    }
    expect(devices.find(d => d.id === 'dml')?.available).toBe(process.platform === 'win32')
    expect(await listDevices()).toBe(devices)
  })
})

describe('plainReason', () => {
  it('says what ONNX Runtime means', () => {
    expect(
      plainReason('cuda', 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library'),
    ).toBe(
      'The CUDA libraries of ONNX Runtime are not installed. They are fetched when the project is installed with WITH_CUDA=1.',
    )
    expect(plainReason('webgpu', 'Failed to get a WebGPU adapter: No supported adapters')).toBe(
      'No GPU that WebGPU can use was found (it needs a Vulkan, Metal or Direct3D 12 driver).',
    )
    expect(plainReason('webgpu', 'Something new.')).toBe('Something new.')
  })
})
