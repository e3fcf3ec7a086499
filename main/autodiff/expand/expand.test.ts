import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import { operatorRows } from '../../operators'
import { expansionError } from '../conformance'
import { gradientGraph } from '../gradient'
import type { GradientSpec } from '../spec'
import { EXPANDED_SPECS } from '../specs-expanded'
import { EXPANSIONS } from './table'

describe('what an operator is taken apart into', () => {
  it.each(EXPANDED_SPECS.map((spec, i) => [`${spec.op} #${i}`, spec] as const))(
    'gives the same numbers: %s',
    async (_, spec) => {
      const error = await expansionError(spec)
      if (process.env.BANTAM_GRADIENT_ERRORS) console.log(`${error.toExponential(1)} ${spec.op}`)
      expect(error).toBeLessThan(1e-5)
    },
  )

  // A mask of lengths that is constant has a fixed batch.
  const fixed = (spec: GradientSpec) => spec.inputs.some(i => i && 'ints' in i && i.ints.join() === '3,4')
  const batched = EXPANDED_SPECS.filter(
    spec => /Attention|Rotary|Normalization|Einsum/.test(spec.op) && !fixed(spec),
  )
  it.each(batched.map((spec, i) => [`${spec.op} #${i}`, spec] as const))(
    'gives the same numbers with the batch left open: %s',
    async (_, spec) => {
      expect(await expansionError(spec, true)).toBeLessThan(1e-5)
    },
  )

  it('is there for every row that says so, and no other, and has a spec', () => {
    const expanded = [...operatorRows()].flatMap(([op, row]) => (row.gradient === 'expanded' ? [op] : []))
    expect(Object.keys(EXPANSIONS).sort()).toEqual(expanded.sort())
    const seen = new Set(EXPANDED_SPECS.map(spec => spec.op))
    expect(expanded.filter(op => !seen.has(op))).toEqual([])
  })
})

describe('an operator that cannot be taken apart', () => {
  const weight = (name: string, dims: number[]) =>
    makeTensor(name, 'float32', dims, Array(dims.reduce((all, d) => all * d, 1)).fill(0.1))
  const lstm = (attributes = {}) =>
    makeModel({
      nodes: [
        makeNode('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 4n, ...attributes }, { name: 'cell' }),
        makeNode('ReduceSum', ['y'], ['loss'], { keepdims: 0n }),
      ],
      inputs: [makeValue('x', 'float32', ['length', 'batch', 3])],
      outputs: [makeValue('loss', 'float32', [])],
      initializers: [weight('w', [1, 16, 3]), weight('r', [1, 16, 4])],
    })

  it('says why, and what to do', async () => {
    await expect(gradientGraph(lstm(), { loss: 'loss', wrt: ['w'] })).rejects.toMatchObject({
      code: 'unsupported',
      message:
        "No gradient flows through LSTM. LSTM cell: It is unrolled over its sequence, whose length “length” is not fixed: give the model's inputs fixed lengths.",
    })
    const shapes = { x: [5, 'batch', 3] }
    await expect(gradientGraph(lstm({ clip: 1 }), { loss: 'loss', wrt: ['w'], shapes })).rejects.toThrow(
      'LSTM cell: It clips its cells, which has no gradient here.',
    )
    await expect(
      gradientGraph(lstm({ activations: ['Affine', 'Tanh', 'Tanh'] }), { loss: 'loss', wrt: ['w'], shapes }),
    ).rejects.toThrow('LSTM cell: Its activation Affine has no gradient here.')
    const graph = await gradientGraph(lstm(), { loss: 'loss', wrt: ['w', 'r'], shapes })
    expect(graph.graph.nodes.filter(node => node.opType === 'LSTM')).toEqual([])
  })

  it('is left alone where no gradient has to flow', async () => {
    const model = lstm()
    model.graph.add(makeNode('Mul', ['y', 's'], ['scaled']))
    model.graph.add(makeNode('ReduceSum', ['scaled'], ['total'], { keepdims: 0n }))
    model.graph.setInitializer(weight('s', [4]))
    const graph = await gradientGraph(model, { loss: 'total', wrt: ['s'] })
    expect(graph.graph.nodes.filter(node => node.opType === 'LSTM')).toHaveLength(1)
  })
})
