/** Which samples two models both answered. */
import { BantamError } from '../../shared/errors'
import type { StoredOutputs } from './outputs'

/** Positions in `a` and in `b` of the samples both have, in the order of `a`. */
export function commonSamples(a: StoredOutputs, b: StoredOutputs): { fromA: number[]; fromB: number[] } {
  const where = new Map(Array.from(b.indices, (index, i) => [index, i]))
  const fromA: number[] = []
  const fromB: number[] = []
  a.indices.forEach((index, i) => {
    const other = where.get(index)
    if (other === undefined) return
    fromA.push(i)
    fromB.push(other)
  })
  if (a.data.hash === b.data.hash && fromA.length > 0) return { fromA, fromB }
  throw new BantamError(
    'bad-option',
    'The two models were measured on other samples: there is nothing to compare.',
    {
      where: `${a.data.source} and ${b.data.source}`,
      action: 'Measure both on the same dataset and split.',
    },
  )
}
