import { describe, expect, it } from 'vitest'
import type { KernelEvent } from './profile-events'
import { ranKernels } from './ran'

function kernel(name: string, op: string, inputTypes: string[]): KernelEvent {
  return { name, op, provider: 'CPU', index: '0', start: 0, us: 1, inputTypes, outputTypes: inputTypes }
}

describe('ranKernels', () => {
  const kernels = [
    kernel('x_q', 'QuantizeLinear', ['float32', 'float32', 'uint8']),
    kernel('Transpose', 'Transpose', ['uint8']),
    kernel('conv1', 'QLinearConv', ['uint8']),
    kernel('pool', 'MaxPool', ['uint8']),
    kernel('y_dq', 'DequantizeLinear', ['uint8']),
    kernel('conv2', 'FusedConv', ['float32']),
    kernel('soft', 'Softmax', ['float32']),
  ]

  it('counts kernels by what they do', () => {
    expect(ranKernels({ us: 7, kernels }, [])).toEqual({
      int8: 2,
      float: 1,
      quantize: 2,
      conversion: 1,
      planned: 0,
      fellBack: [],
    })
  })

  it('names the planned nodes that ran in float, and not those that were fused away', () => {
    const planned = ['conv1', 'pool', 'conv2', 'soft', 'relu'].map(name => ({ name, op: 'Any' }))
    const { fellBack } = ranKernels({ us: 7, kernels }, planned)
    expect(fellBack.map(node => node.name)).toEqual(['conv2', 'soft'])
  })
})
