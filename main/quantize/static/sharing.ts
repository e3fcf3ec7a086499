/**
 * Which quantized values share one scale.
 *
 * An operator that only moves codes (MaxPool, Reshape, …) needs the scale of its input on its outputs. A Concat copies
 * codes when its inputs have the scale of its output; they share it when that costs an input at most one bit
 * (its own range is at least half the joint one), else ONNX Runtime requantizes that input. One that is never negative
 * shares with none that is: zero would not be its lowest code, so that no saturation could stand for the Relu that
 * made it, and ONNX Runtime runs the layer before a Relu of its own in float.
 */
import type { Range } from '../affine'
import type { Chosen } from './select'

/** Least share of the joint range that an input must use itself. */
const ALIKE = 0.5

/** Values whose range follows from others: what a moving operator makes. They need no calibration. */
export function derivedValues(chosen: readonly Chosen[]): Set<string> {
  return new Set(chosen.filter(c => c.role.kind === 'pass').flatMap(c => c.carries))
}

/** The range every value is to be quantized with. `measured` has those that are not derived. */
export function sharedRanges(
  chosen: readonly Chosen[],
  measured: ReadonlyMap<string, Range>,
): Map<string, Range> {
  const groups = new Groups(measured)
  for (const { node, role, carries } of chosen) {
    if (role.kind !== 'pass') continue
    for (const name of carries) groups.join(node.input[0] as string, name)
  }
  for (const { node, role, activations, carries } of chosen) {
    if (role.kind !== 'concat') continue
    const output = carries[0] as string
    for (const i of activations) {
      const input = node.input[i] as string
      if (alike(groups.range(input), groups.range(output))) groups.join(output, input)
    }
  }
  return groups.ranges()
}

function alike(a: Range, b: Range): boolean {
  if (a.min < 0 !== b.min < 0) return false
  return width(a) >= ALIKE * width(b) && width(b) >= ALIKE * width(a)
}

function width(range: Range): number {
  return Math.max(range.max, 0) - Math.min(range.min, 0)
}

/** Union–find over value names, every group with the union of its members' ranges. */
class Groups {
  private readonly parent = new Map<string, string>()
  private readonly bounds = new Map<string, Range>()

  constructor(measured: ReadonlyMap<string, Range>) {
    for (const [name, range] of measured) {
      this.parent.set(name, name)
      this.bounds.set(name, range)
    }
  }

  range(name: string): Range {
    return this.bounds.get(this.root(name)) ?? { min: 0, max: 0 }
  }

  join(a: string, b: string): void {
    const [rootA, rootB] = [this.root(a), this.root(b)]
    if (rootA === rootB) return
    const known = [this.bounds.get(rootA), this.bounds.get(rootB)].filter(range => range !== undefined)
    this.parent.set(rootB, rootA)
    if (known.length > 0) {
      this.bounds.set(rootA, {
        min: Math.min(...known.map(r => r.min)),
        max: Math.max(...known.map(r => r.max)),
      })
    }
  }

  ranges(): Map<string, Range> {
    return new Map([...this.parent.keys()].map(name => [name, this.range(name)]))
  }

  private root(name: string): string {
    const parent = this.parent.get(name) ?? name
    if (!this.parent.has(name)) this.parent.set(name, name)
    if (parent === name) return name
    const root = this.root(parent)
    this.parent.set(name, root)
    return root
  }
}
