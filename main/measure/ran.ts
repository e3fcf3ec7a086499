/** What ONNX Runtime really ran, after its own optimizations: which nodes in 8 bits, and which fell back to float. */
import type { RanKernels } from '../../shared/domain'
import type { RunEvents } from './profile-events'
import { kernelKind, kernelPrecision } from './profile-kinds'

/** A node that a plan has in 8 bits, by the name it has in the file. */
export interface PlannedNode {
  name: string
  op: string
}

/**
 * Counts the kernels of a run by what they do, and tells which planned nodes ran in floating point. A kernel keeps the
 * name of the node it was made of; a planned node without a kernel was fused into another or removed, which costs nothing.
 */
export function ranKernels({ kernels }: RunEvents, planned: readonly PlannedNode[]): RanKernels {
  const byName = new Map<string, string>()
  const count = { int8: 0, quantize: 0, conversion: 0, compute: 0, other: 0 }
  for (const { name, op, inputTypes, outputTypes } of kernels) {
    const kind = kernelKind({ name, op, precision: kernelPrecision(op, inputTypes, outputTypes) })
    count[kind]++
    // Of several kernels with one name the one in floating point tells.
    if (byName.get(name) !== 'compute') byName.set(name, kind)
  }
  const fellBack = planned.filter(({ name }) => {
    const kind = byName.get(name)
    return kind === 'compute' || kind === 'other'
  })
  const { int8, compute: float, quantize, conversion } = count
  return { int8, float, quantize, conversion, planned: planned.length, fellBack: [...fellBack] }
}
