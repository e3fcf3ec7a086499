import { describe, expect, it } from 'vitest'
import { plannedNodes } from './ran'

describe('nodes planned in 8 bits', () => {
  const nodes = [{ name: 'c1', op: 'Conv' }]

  it('are those of a static plan, or of the one that a training with rounding holds', () => {
    expect(plannedNodes({ decisions: { opset: 17, nodes } })).toEqual(nodes)
    expect(plannedNodes({ decisions: { method: 'qat', quantization: { opset: 17, nodes } } })).toEqual(nodes)
  })

  it('are not those with weights of 4 bits, nor with activations in float', () => {
    const [eight, four, alone] = [
      { name: 'c1', op: 'Conv', activations: [0] },
      { name: 'c2', op: 'Conv', activations: [0], bits: 4 },
      { name: 'c3', op: 'Conv', activations: [] },
    ]
    expect(plannedNodes({ decisions: { nodes: [eight, four, alone] } })).toEqual([eight])
  })

  it('are none where a plan names kernels otherwise, or has none', () => {
    expect(plannedNodes({ decisions: { nodes: [{ id: 'y', kind: 'matmul' }] } })).toEqual([])
    expect(plannedNodes({ decisions: {} })).toEqual([])
  })
})
