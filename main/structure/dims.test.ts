import { describe, expect, it } from 'vitest'
import { type Dim, find, fix, fixedDim, isFree, leaves, newDim, productOf, sumOf, unify } from './dims'

const reason = { message: 'They do not match up.', node: 'Add a' }
const sizes = (dim: Dim) => [...leaves(dim)].map(leaf => leaf.size)
const free = (...dims: Dim[]) => dims.every(isFree)

describe('dimension variables', () => {
  it('makes two variables one, with what is known of both', () => {
    const [a, b] = [newDim(8), fixedDim(8, { message: 'It reaches the output y.' })]
    unify(a, b, reason)
    expect(find(a)).toBe(find(b))
    expect(find(a).reasons).toEqual([{ message: 'It reaches the output y.' }])
  })

  it('takes a hidden axis apart into heads and their width', () => {
    const hidden = newDim(16)
    const [heads, width] = [newDim(4), newDim(4)]
    unify(productOf([newDim(2), hidden]), productOf([newDim(2), heads, width]), reason)
    expect([...leaves(hidden)]).toEqual([find(heads), find(width)])
    expect(free(heads, width)).toBe(true)
  })

  it('shares heads and width between the three parts of a fused projection', () => {
    const [heads, width, fused] = [newDim(2), newDim(3), newDim(18)]
    const parts = [newDim(6), newDim(6), newDim(6)]
    unify(fused, sumOf(parts), reason)
    for (const part of parts) unify(part, productOf([heads, width]), reason)
    expect([...leaves(fused)]).toEqual([find(heads), find(width)])
    const viewed = productOf([newDim(3), newDim(6)])
    unify(viewed, fused, reason)
    expect(free(heads, width)).toBe(true)
    expect(sizes(viewed)).toEqual([2, 3])
  })

  it('splits concatenations at each other’s boundaries', () => {
    const [a, b, c, d] = [newDim(4), newDim(8), newDim(6), newDim(6)]
    unify(sumOf([a, b]), sumOf([c, d]), reason)
    expect(sizes(sumOf([c, d]))).toEqual([4, 2, 6])
    expect(find(d)).toBe([...leaves(b)][1])
  })

  it('makes halves equal that are swapped and added, as rotary positions do', () => {
    const width = newDim(8)
    const [first, second] = [newDim(4), newDim(4)]
    unify(width, sumOf([first, second]), reason)
    unify(width, sumOf([second, first]), reason)
    expect(leaves(width).size).toBe(1)
    expect(free(width)).toBe(true)
  })

  it('shuffles channels: groups and channels within change places', () => {
    const [left, right] = [newDim(6), newDim(6)]
    const [two, half] = [newDim(2), newDim(6)]
    unify(sumOf([left, right]), productOf([two, half]), reason)
    expect(find(left)).toBe(find(right))
    expect(find(half)).toBe(find(left))
  })

  it('cuts inside a channel what that consists of, in every channel alike', () => {
    const [three, width] = [newDim(3), newDim(4)]
    const [left, right] = [newDim(6), newDim(6)]
    unify(productOf([three, width]), sumOf([left, right]), reason)
    // Rows of a + b: left is a, b, a and right b, a, b, so that they go together.
    expect(sizes(width)).toEqual([2, 2])
    expect(sizes(left)).toEqual([2, 2])
    expect([...leaves(right)].sort()).toEqual([...leaves(left)].sort())
    expect(free(left, right)).toBe(true)
    expect(isFree(three)).toBe(false)
  })

  it('makes rows equal whose boundary lies inside what is concatenated', () => {
    const [left, right] = [newDim(12), newDim(4)]
    const [batch, two, row] = [newDim(3), newDim(2), newDim(8)]
    unify(productOf([batch, sumOf([left, right])]), productOf([batch, two, row]), reason)
    // Of twelve, the first and the last four go together, and the four between with those after.
    expect(sizes(left)).toEqual([4, 4])
    expect([...leaves(row)]).toEqual([...leaves(left)])
    expect([...leaves(left)][1]).toBe(find(right))
    expect(free(left, right, row)).toBe(true)
    expect(isFree(two)).toBe(false)
  })

  it('fixes both sides of a boundary inside one of very many channels, and says at which node', () => {
    const [outer, inner] = [newDim(80), newDim(3)]
    const [a, b] = [newDim(5), newDim(235)]
    unify(productOf([outer, inner]), sumOf([a, b]), reason)
    expect([outer, inner, a, b].some(isFree)).toBe(false)
    expect(find(a).reasons).toEqual([reason])
  })

  it('fixes only the factors that cannot be matched, up to the next common boundary', () => {
    const [channels, batch] = [newDim(16), newDim(5)]
    const [a, b, c] = [newDim(4), newDim(6), newDim(16)]
    const others = [newDim(6), newDim(4)]
    unify(productOf([batch, a, b, channels]), productOf([newDim(5), ...others, c]), reason)
    expect(free(channels, c, batch)).toBe(true)
    expect([a, b, ...others].some(isFree)).toBe(false)
  })

  it('passes reasons on to the parts of what comes apart later', () => {
    const whole = newDim(6)
    fix(whole, reason)
    const parts = [newDim(2), newDim(4)]
    unify(whole, sumOf(parts), reason)
    expect(parts.some(isFree)).toBe(false)
  })
})
