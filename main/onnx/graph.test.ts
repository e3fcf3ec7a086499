import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeGraph, makeModel, makeNode, makeValue } from './build'
import { Graph } from './graph'
import { makeTensor } from './tensor'

const x = makeValue('x', 'float32', [4])
const y = makeValue('y', 'float32', [4])
const scalar = (name: string) => makeTensor(name, 'float32', [], [1])

function diamond() {
  return makeModel({
    nodes: [
      makeNode('Relu', ['x'], ['a'], {}, { name: 'relu' }),
      makeNode('Neg', ['a'], ['b'], {}, { name: 'neg' }),
      makeNode('Add', ['a', 'b'], ['c'], {}, { name: 'add' }),
      makeNode('Mul', ['c', 's'], ['y'], {}, { name: 'mul' }),
    ],
    inputs: [x],
    outputs: [y],
    initializers: [scalar('s'), scalar('t')],
  })
}

/** A node whose branches read `outer` and make `inner`. */
function choice(outer: string, output: string) {
  const branch = makeGraph({
    nodes: [makeNode('Abs', [outer], ['inner'])],
    inputs: [],
    outputs: [makeValue('inner', 'float32', null)],
  })
  return makeNode('If', ['cond'], [output], { then_branch: branch, else_branch: branch }, { name: 'choice' })
}

/** Everything the index answers, for all names there are. */
function answers(graph: Graph, names: readonly string[]) {
  return names.map(name => ({
    name,
    producer: graph.producer(name)?.name,
    uses: graph
      .uses(name)
      .map(use => `${use.node.output[0]}:${use.index}`)
      .sort(),
    initializer: graph.initializer(name)?.name,
  }))
}

describe('Graph', () => {
  it('finds producers, uses, inputs, outputs and initializers', () => {
    const { graph } = diamond()
    expect(graph.producer('c')?.name).toBe('add')
    expect(graph.uses('a').map(use => [use.node.name, use.index])).toEqual([
      ['neg', 0],
      ['add', 0],
    ])
    expect([graph.inputNames, graph.outputNames]).toEqual([['x'], ['y']])
    expect([graph.isInput('x'), graph.isOutput('x'), graph.isOutput('y')]).toEqual([true, false, true])
    expect(graph.removeUnusedInitializers()).toEqual(['t'])
    expect(graph.initializer('t')).toBeUndefined()
  })

  it('counts what subgraphs read as uses, and refuses to rename it', () => {
    const model = makeModel({
      nodes: [makeNode('Relu', ['x'], ['a']), choice('a', 'y')],
      inputs: [x, makeValue('cond', 'bool', [])],
      outputs: [y],
    })
    expect(model.graph.uses('a').map(use => use.index)).toEqual([-1])
    expect(model.graph.replaceUses('a', 'x')).toBe(false)
    expect(model.graph.uses('a')).toHaveLength(1)
  })

  it('makes names that nothing has, subgraphs included', () => {
    const model = makeModel({
      nodes: [makeNode('Relu', ['x'], ['a'], {}, { name: 'first' }), choice('a', 'y')],
      inputs: [x, makeValue('cond', 'bool', [])],
      outputs: [y],
    })
    expect(['new', 'new', 'a', 'first', 'inner', 'cond'].map(name => model.graph.freshName(name))).toEqual([
      'new',
      'new_1',
      'a_1',
      'first_1',
      'inner_1',
      'cond_1',
    ])
  })

  it('sorts, keeping the present order where it is free', () => {
    const model = makeModel({
      nodes: [
        makeNode('Add', ['a', 'b'], ['y'], {}, { name: 'last' }),
        makeNode('Relu', ['x'], ['a'], {}, { name: 'one' }),
        makeNode('Neg', ['x'], ['b'], {}, { name: 'two' }),
      ],
      inputs: [x],
      outputs: [y],
    })
    model.graph.sort()
    expect(model.graph.nodes.map(n => n.name)).toEqual(['one', 'two', 'last'])
  })

  it('refuses cycles and values made twice, naming the nodes', () => {
    const cyclic = makeModel({
      nodes: [
        makeNode('Add', ['x', 'b'], ['a'], {}, { name: 'p' }),
        makeNode('Neg', ['a'], ['b'], {}, { name: 'q' }),
      ],
      inputs: [x],
      outputs: [makeValue('b', 'float32', [4])],
    })
    expect(() => cyclic.graph.topological()).toThrow('The graph has a cycle.')
    expect(() => cyclic.graph.add(makeNode('Relu', ['x'], ['a']))).toThrow('Two nodes produce a.')
  })

  it('answers after any edits as if it were indexed anew', () => {
    const edit = fc.tuple(
      fc.constantFrom('input', 'output', 'replace', 'add', 'remove', 'initializer'),
      fc.nat(99),
      fc.nat(99),
    )
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 25 }), edits => {
        const model = diamond()
        const { graph } = model
        const names = ['x', 'a', 'b', 'c', 's', 't', 'y']
        edits.forEach(([kind, i, j], turn) => {
          const node = graph.nodes[i % Math.max(1, graph.nodes.length)]
          const name = names[j % names.length] ?? 'x'
          if (kind === 'add') {
            const made = `v${turn}`
            graph.add(
              makeNode('Add', [name, 'x'], [made], {}, { name: `n${turn}` }),
              j % 2 ? node : undefined,
            )
            names.push(made)
          } else if (kind === 'initializer') graph.setInitializer(scalar(`i${turn}`))
          else if (!node) return
          else if (kind === 'input') graph.setInput(node, j % 3, name)
          else if (kind === 'output') graph.setOutput(node, 0, `o${turn}`)
          else if (kind === 'replace') graph.replaceUses(name, 'x')
          else graph.remove([node])
          names.push(`o${turn}`, `i${turn}`)
        })
        expect(answers(graph, names)).toEqual(answers(new Graph(model.proto), names))
      }),
      { numRuns: 300, seed: 5 },
    )
  })
})
