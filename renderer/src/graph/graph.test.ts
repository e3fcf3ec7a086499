import { describe, expect, it } from 'vitest'
import type { GraphView } from '../../../shared/training'
import { cnnGraph, transformerGraph } from '../fixtures/graphs'
import { boxesOf, boxHeight } from './boxes'
import { changesAgainst } from './diff'
import { kindOf, kindsIn, nodeColors } from './graph-colors'
import { pathThrough, readLayout } from './layout'
import { rowName, searchNodes, shortShape } from './search'

describe('boxes', () => {
  it('hold a chain of nodes, a row each, between the inputs and the outputs', () => {
    const { boxes, edges, placeOf } = boxesOf(cnnGraph(1))
    expect(boxes.map(b => [b.kind, b.rows.length])).toEqual([
      ['input', 1],
      ['nodes', 12],
      ['output', 1],
    ])
    expect(edges.map(e => e.id)).toEqual([
      'input image → box /features/conv1/Conv',
      'box /features/conv1/Conv → output /classifier/fc2/Gemm_output_0',
    ])
    expect(placeOf.get('/features/conv2/Conv')).toEqual({ box: 'box /features/conv1/Conv', row: 2 })
    expect(boxHeight(boxes[1] ?? { rows: [] })).toBe(12 * 22 + 2)
  })

  it('end where a value is read twice, where values meet, and where a chain grows long', () => {
    const graph = transformerGraph(2, 96)
    const { boxes, edges, placeOf } = boxesOf(graph)
    expect(placeOf.size).toBe(graph.nodes.length)
    expect(boxes.length).toBeLessThan(graph.nodes.length / 2)
    for (const box of boxes) expect(box.rows.length).toBeLessThanOrEqual(14)
    const ids = new Set(boxes.map(b => b.id))
    for (const edge of edges) expect(ids.has(edge.from) && ids.has(edge.to)).toBe(true)
    // The residual connection goes around the attention.
    const sum = placeOf.get('/encoder/layer.0/attention/Add_2')?.box
    expect(edges.filter(e => e.to === sum).length).toBe(2)
  })

  it('keep a value apart that is an output as well as read on', () => {
    const graph = cnnGraph(1)
    const middle = graph.nodes[4]?.outputs[0]
    if (!middle) throw new Error('No such value')
    const { boxes, edges } = boxesOf({ ...graph, outputs: [...graph.outputs, middle] })
    expect(boxes.filter(b => b.kind === 'nodes').map(b => b.rows.length)).toEqual([5, 7])
    expect(edges.map(e => e.to)).toContain(`output ${middle.name}`)
  })

  it('stand for a model that only passes its input on', () => {
    const input = { name: 'x', type: 'float32', shape: [1] }
    const graph: GraphView = { nodes: [], inputs: [input], outputs: [input] }
    expect(boxesOf(graph).edges).toEqual([{ id: 'input x → output x', from: 'input x', to: 'output x' }])
  })
})

describe('the layout', () => {
  it('is read from what ELK answers', () => {
    const layout = readLayout({
      id: 'root',
      width: 10,
      height: 20,
      children: [{ id: 'a', x: 1, y: 2 }],
      edges: [
        {
          id: 'e',
          sources: ['a'],
          targets: ['b'],
          sections: [
            { id: 's', startPoint: { x: 0, y: 0 }, bendPoints: [{ x: 0, y: 9 }], endPoint: { x: 9, y: 9 } },
          ],
        },
      ],
    })
    expect(layout.boxes.get('a')).toEqual({ x: 1, y: 2 })
    expect(layout.edges.get('e')).toHaveLength(3)
    expect(pathThrough(layout.edges.get('e') ?? [], 3)).toBe('M0,0L0,6Q0,9 3,9L9,9')
    expect(pathThrough([])).toBe('')
  })
})

describe('colours, search and differences', () => {
  it('know operators by kind, with or without a domain', () => {
    expect(kindOf('com.microsoft.FusedConv')).toBe('convolution')
    expect(kindOf('LayerNormalization')).toBe('normalization')
    expect(kindOf('GlobalAveragePool')).toBe('pooling and sums')
    expect(kindOf('ReduceL2')).toBe('pooling and sums')
    expect(kindOf('MyOwnOp')).toBe('other')
    expect(kindsIn(cnnGraph(1).nodes)[0]).toBe('convolution')
  })

  it('grow stronger with parameters', () => {
    const { nodes } = cnnGraph(1)
    const color = nodeColors(nodes, 'parameters')
    const byName = (name: string) => nodes.find(n => n.name === name) ?? nodes[0]
    const [fc1, conv1, relu] = ['/classifier/fc1/Gemm', '/features/conv1/Conv', '/features/relu1/Relu'].map(
      byName,
    )
    expect(fc1 && color(fc1)).toMatch(/ 100%/)
    expect(conv1 && color(conv1)).toMatch(/ 25%/)
    expect(relu && color(relu)).toBe('var(--bt-border)')
  })

  it('find nodes by every word, and shorten shapes', () => {
    const { nodes } = transformerGraph(3, 96)
    expect(searchNodes(nodes, 'layer.2 SOFTMAX').map(n => n.name)).toEqual([
      '/encoder/layer.2/attention/Softmax',
    ])
    expect(searchNodes(nodes, '  ')).toHaveLength(nodes.length)
    const [conv] = nodes
    expect(conv && rowName({ ...conv, name: '/net/4/Gather' }, 20)).toBe('net/4')
    expect(conv && rowName(conv, 20)).toBe('embeddings')
    expect(shortShape(['batch', 64, 28, 28])).toBe('64×28×28')
    expect(shortShape([10])).toBe('10')
    expect(shortShape(['batch', ''])).toBe('?')
  })

  it('tell what another graph has not and what it has otherwise', () => {
    const [wide, slim] = [cnnGraph(1), cnnGraph(0.5)]
    expect(changesAgainst(wide.nodes, wide.nodes).size).toBe(0)
    const changes = changesAgainst(slim.nodes, wide.nodes)
    expect(changes.get('/features/conv1/Conv')).toBe('changed')
    expect(changesAgainst(wide.nodes, wide.nodes.slice(1)).get('/features/conv1/Conv')).toBe('new')
  })
})
