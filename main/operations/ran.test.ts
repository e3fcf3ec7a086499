import { describe, expect, it } from 'vitest'
import { plannedNodes } from './ran'

describe('nodes planned in 8 bits', () => {
  const nodes = [{ name: 'c1', op: 'Conv' }]

  it('are those of a static plan, or of the one that a training with rounding holds', () => {
    expect(plannedNodes({ decisions: { opset: 17, nodes } })).toEqual(nodes)
    expect(plannedNodes({ decisions: { method: 'qat', quantization: { opset: 17, nodes } } })).toEqual(nodes)
  })

  it('are none where a plan names kernels otherwise, or has none', () => {
    expect(plannedNodes({ decisions: { nodes: [{ id: 'y', kind: 'matmul' }] } })).toEqual([])
    expect(plannedNodes({ decisions: {} })).toEqual([])
  })
})
