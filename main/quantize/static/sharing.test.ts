import { describe, expect, it } from 'vitest'
import { makeNode } from '../../onnx/build'
import type { Chosen } from './select'
import { sharedRanges } from './sharing'

const concat: Chosen = {
  node: makeNode('Concat', ['a', 'b'], ['c'], { axis: 1n }),
  role: { kind: 'concat' },
  activations: [0, 1],
  constants: [],
  carries: ['c'],
}

function ranges(a: [number, number], b: [number, number], c: [number, number]) {
  const measured = new Map(
    Object.entries({ a, b, c }).map(([name, [min, max]]) => [name, { min, max }] as const),
  )
  return Object.fromEntries(sharedRanges([concat], measured))
}

describe('a Concat', () => {
  it('shares one range with inputs that use at least half of it', () => {
    const joint = { min: -4, max: 4 }
    expect(ranges([-3, 3], [-4, 4], [-4, 4])).toEqual({ a: joint, b: joint, c: joint })
    expect(ranges([-1, 1], [-4, 4], [-4, 4])).toEqual({ a: { min: -1, max: 1 }, b: joint, c: joint })
  })

  it('leaves what is never negative its own range, so that zero stays the lowest code', () => {
    const found = ranges([0, 6], [-4, 4], [-4, 6])
    expect(found.a).toEqual({ min: 0, max: 6 })
    expect(found.c).toEqual({ min: -4, max: 6 })
  })
})
