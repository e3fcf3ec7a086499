import { describe, expect, it } from 'vitest'
import type { Profile } from '../../../shared/domain'
import { bySeverity, familyOf, nodeTimes, operatorTimes, searchNodes, timeShares } from './speed-view'

function profile(
  ops: [string, number, number][],
  shares = { int8: 0, quantizeDequantize: 0, conversion: 0 },
): Profile {
  const kernelUs = ops.reduce((s, o) => s + o[1], 0)
  return {
    model: 'm',
    batch: 1,
    threads: 1,
    device: 'cpu',
    runs: 10,
    totalUs: kernelUs + 10,
    kernelUs,
    nodes: ops.map(([op, us], i) => ({
      name: `n${i}`,
      op,
      provider: 'CPUExecutionProvider',
      us,
      precision: 'float32',
    })),
    byOperator: ops.map(([op, us, count]) => ({ op, us, count })),
    shares,
  }
}

describe('operatorTimes', () => {
  it('sets an int8 operator beside the float one it replaced', () => {
    const rows = operatorTimes(
      profile([
        ['Conv', 600, 3],
        ['Gemm', 140, 2],
        ['MaxPool', 40, 2],
      ]),
      profile([
        ['QLinearConv', 200, 2],
        ['Conv', 30, 1],
        ['QGemm', 60, 2],
        ['MaxPool', 30, 2],
        ['QuantizeLinear', 9, 1],
      ]),
    )
    expect(rows).toEqual([
      { op: 'Conv → QLinearConv', reference: 600, variant: 230, referenceCount: 3, variantCount: 3 },
      { op: 'Gemm → QGemm', reference: 140, variant: 60, referenceCount: 2, variantCount: 2 },
      { op: 'MaxPool', reference: 40, variant: 30, referenceCount: 2, variantCount: 2 },
      { op: 'QuantizeLinear', reference: 0, variant: 9, referenceCount: 0, variantCount: 1 },
    ])
  })

  it('gathers the shortest and loses no time', () => {
    const many = profile(
      Array.from({ length: 20 }, (_, i): [string, number, number] => [`Op${i}`, 100 - i, 1]),
    )
    const rows = operatorTimes(many, many, 12)
    expect(rows).toHaveLength(12)
    expect(rows.at(-1)?.op).toBe('9 other operators')
    expect(rows.reduce((s, r) => s + r.variant, 0)).toBe(many.kernelUs)
  })

  it('keeps operators it knows nothing of', () => {
    expect(familyOf('MyOp')).toBe('MyOp')
    expect(familyOf('MatMulIntegerToFloat')).toBe('MatMul')
  })
})

describe('nodes and shares', () => {
  const p = profile(
    [
      ['Conv', 25, 1],
      ['Relu', 75, 1],
    ],
    { int8: 0.5, quantizeDequantize: 0.3, conversion: 0.25 },
  )

  it('gives nodes their share of kernel time, longest first', () => {
    expect(nodeTimes(p).map(n => [n.op, n.share])).toEqual([
      ['Relu', 0.75],
      ['Conv', 0.25],
    ])
    expect(nodeTimes({ ...p, kernelUs: 0 })[0]?.share).toBe(0)
  })

  it('searches name, operator, provider and type', () => {
    expect(searchNodes(nodeTimes(p), 'cpu conv').map(n => n.op)).toEqual(['Conv'])
    expect(searchNodes(nodeTimes(p), 'float32')).toHaveLength(2)
  })

  it('never shows a negative rest', () => {
    expect(timeShares(p).rest).toBe(0)
    expect(timeShares(profile([], { int8: 0.6, quantizeDequantize: 0.1, conversion: 0.1 })).rest).toBeCloseTo(
      0.2,
    )
  })

  it('puts errors and warnings before facts', () => {
    const note = (severity: 'info' | 'warning' | 'error', code: string) => ({ severity, code, message: code })
    expect(
      bySeverity([note('info', 'a'), note('error', 'b'), note('warning', 'c'), note('info', 'd')]).map(
        n => n.code,
      ),
    ).toEqual(['b', 'c', 'a', 'd'])
  })
})
