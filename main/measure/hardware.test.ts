import { describe, expect, it } from 'vitest'
import { Hardware } from '../../shared/domain'
import { defaultThreads, hardware, hasInt8Instructions, parseFeatures } from './hardware'

describe('hardware', () => {
  it('describes this machine', async () => {
    const machine = Hardware.parse(await hardware())
    expect(machine.physicalCores).toBeGreaterThan(0)
    expect(machine.logicalCores).toBeGreaterThanOrEqual(machine.physicalCores)
    expect(machine.memoryBytes).toBeGreaterThan(100_000_000)
    expect(machine.onnxruntime).toMatch(/^\d+\.\d+\.\d+/)
    expect(machine.arch).toBe(process.arch)
    expect(await defaultThreads()).toBeLessThanOrEqual(machine.logicalCores)
  })

  it('is asked once', async () => {
    expect(await hardware()).toBe(await hardware())
  })
})

describe('parseFeatures', () => {
  it('reads the flags of Linux on x86', () => {
    expect(parseFeatures('fpu sse4_1 avx f16c avx2 avx512f avx_vnni avx512_vnni amx_int8')).toEqual([
      'sse4_1',
      'avx',
      'avx2',
      'f16c',
      'avx512f',
      'avx512_vnni',
      'avx_vnni',
      'amx_int8',
    ])
  })

  it('reads the flags of Linux and macOS on ARM', () => {
    expect(parseFeatures('fp asimd asimdhp asimddp i8mm')).toEqual(['neon', 'fp16', 'dotprod', 'i8mm'])
    expect(parseFeatures('neon arm.FEAT_FP16 arm.FEAT_DotProd arm.FEAT_I8MM')).toEqual([
      'neon',
      'fp16',
      'dotprod',
      'i8mm',
    ])
  })

  it('does not take avx512 for avx, nor bf16 of AVX-512 for that of ARM', () => {
    expect(parseFeatures('avx512_bf16')).toEqual(['avx512_bf16'])
  })
})

describe('hasInt8Instructions', () => {
  it('knows yes, no, and that it does not know', () => {
    expect(hasInt8Instructions({ features: ['avx2', 'avx_vnni'] })).toBe(true)
    expect(hasInt8Instructions({ features: ['avx2', 'avx512f'] })).toBe(false)
    expect(hasInt8Instructions({ features: [] })).toBeNull()
  })
})
