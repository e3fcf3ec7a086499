/**
 * Makes a Cast of every CastLike whose type is known: a CastLike reads a value for its type alone, which keeps what it
 * casts from being a constant (PyTorch's unoptimized exports write biases of zeros so).
 */
import { makeNode } from '../build'
import { copyModel } from '../copy'
import { inferTypes } from '../infer'
import type { Model } from '../model'
import { dataTypeOf } from '../tensor'
import { counted, done, type Pass, type PassResult } from './pass'

export const resolveCastLike: Pass = { id: 'resolve-cast-like', run: resolve }

async function resolve(source: Model): Promise<PassResult> {
  const isCastLike = (node: { domain: string; opType: string }) =>
    node.domain === '' && node.opType === 'CastLike'
  if (!source.graph.nodes.some(isCastLike)) return { model: source, modified: false, notes: [] }
  const types = await inferTypes(source)
  const model = copyModel(source)
  const { graph } = model
  let resolved = 0
  for (const node of graph.nodes.filter(isCastLike)) {
    const type = types.get(node.input[1] ?? '')?.type
    // What becomes of numbers beyond the range of 8-bit floats is an attribute of its own.
    if (!type || type.startsWith('float8')) continue
    const [input = '', output = ''] = [node.input[0], node.output[0]]
    const next = graph.nodes[graph.nodes.indexOf(node) + 1]
    graph.remove([node])
    graph.add(
      makeNode('Cast', [input], [output], { to: BigInt(dataTypeOf(type)) }, { name: node.name }),
      next,
    )
    resolved++
  }
  if (resolved === 0) return { model: source, modified: false, notes: [] }
  return {
    model,
    modified: true,
    notes: [done('resolved-types', `${counted(resolved, 'node')} cast to a type that is known.`)],
  }
}
