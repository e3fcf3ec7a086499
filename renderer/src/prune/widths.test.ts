import { describe, expect, it } from 'vitest'
import { redone, settled, undone } from '../ui/history'
import { cleared, NO_WIDTHS, widthsFrom, withWidth } from './widths'

describe('shares by hand', () => {
  it('take a drag back as one step, and forward again', () => {
    const drag = [0.9, 0.7, 0.5].reduce((w, keep) => withWidth(w, 'a', keep), NO_WIDTHS)
    const both = withWidth(settled(drag), 'b', 0.25)
    expect(both.now).toEqual([
      { group: 'a', keep: 0.5 },
      { group: 'b', keep: 0.25 },
    ])
    expect(undone(both).now).toEqual([{ group: 'a', keep: 0.5 }])
    expect(undone(undone(both)).now).toEqual([])
    expect(redone(redone(undone(undone(both)))).now).toEqual(both.now)
    expect(undone(undone(undone(both)))).toEqual(undone(undone(both)))
  })

  it('make a second drag of the same part a step of its own', () => {
    const two = withWidth(settled(withWidth(NO_WIDTHS, 'a', 0.5)), 'a', 0.25)
    expect(undone(two).now).toEqual([{ group: 'a', keep: 0.5 }])
  })

  it('are given back one by one and all at once, and both can be undone', () => {
    const chosen = withWidth(settled(withWidth(NO_WIDTHS, 'a', 0.5)), 'b', 0.5)
    expect(withWidth(chosen, 'a', null).now).toEqual([{ group: 'b', keep: 0.5 }])
    expect(cleared(chosen).now).toEqual([])
    expect(undone(cleared(chosen)).now).toEqual(chosen.now)
    expect(withWidth(NO_WIDTHS, 'a', null)).toBe(NO_WIDTHS)
    expect(cleared(NO_WIDTHS)).toBe(NO_WIDTHS)
  })

  it('forget what was undone once something else is chosen', () => {
    const other = withWidth(undone(withWidth(NO_WIDTHS, 'a', 0.5)), 'b', 0.5)
    expect(other.future).toEqual([])
  })

  it('are read from options, and what is none is left out', () => {
    expect(widthsFrom([{ group: 'a', keep: 0.5 }, { group: 1, keep: 0.5 }, null]).now).toEqual([
      { group: 'a', keep: 0.5 },
    ])
    expect(widthsFrom(undefined).now).toEqual([])
  })
})
