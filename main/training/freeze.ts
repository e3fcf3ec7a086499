/** Which weights do not change. */
import { BantamError } from '../../shared/errors'
import type { Model } from '../onnx/model'
import { namePattern } from '../onnx/name-pattern'

/**
 * The weights of `wrt` that remain to be trained: those that match none of the patterns. A pattern is a name, `*`
 * standing for any text, or `first:N` for all weights of the first N layers (nodes that read a weight, in topological
 * order). Throws `bad-option` for a pattern that matches nothing, and when nothing remains; `unsupported` when there was
 * nothing from the start.
 */
export function withoutFrozen(model: Model, wrt: readonly string[], patterns: readonly string[]): string[] {
  if (wrt.length === 0) {
    throw new BantamError('unsupported', 'The model has no weights that can be trained.', {
      where: model.graph.outputNames.join(', '),
      action:
        'It needs float32 weights that act on its answer through operators with a gradient, none of them NaN.',
    })
  }
  const frozen = new Set<string>()
  for (const pattern of patterns) {
    const named = namePattern(pattern)
    const first = /^first:(\d+)$/.exec(pattern)
    const matched = first ? firstLayers(model, wrt, Number(first[1])) : wrt.filter(name => named.test(name))
    if (matched.length === 0) {
      const some = wrt.slice(0, 3).join(', ')
      throw new BantamError('bad-option', `No weight is called ${pattern}.`, {
        where: 'freeze',
        action: `Weights are called ${some}${wrt.length > 3 ? ' …' : ''}.`,
      })
    }
    for (const name of matched) frozen.add(name)
  }
  const rest = wrt.filter(name => !frozen.has(name))
  if (rest.length > 0) return rest
  throw new BantamError('bad-option', 'All weights are frozen, so there is nothing to train.', {
    where: 'freeze',
    action: 'Freeze fewer.',
  })
}

function firstLayers(model: Model, wrt: readonly string[], count: number): string[] {
  const weights = new Set(wrt)
  const layers = model.graph.topological().filter(node => node.input.some(name => weights.has(name)))
  const read = new Set(layers.slice(0, count).flatMap(node => node.input))
  return wrt.filter(name => read.has(name))
}
