/** Which nodes can have 16-bit activations. */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { describeNode } from '../../onnx/graph'
import type { QuantizeRole } from '../../operators/quantize'
import { nodeLabel } from '../names'

/** Whether a role has values of its own to widen; others only move or clip those of their neighbours. */
export function mayBeWide({ kind }: QuantizeRole): boolean {
  return ['weighted', 'binary', 'unary', 'concat'].includes(kind)
}

/** Why a node that was to be wide is not. */
export function notWide(node: NodeProto, reason: string | undefined): Note {
  return {
    code: 'wide-declined',
    severity: 'warning',
    node: nodeLabel(node),
    message: `${describeNode(node)} has no 16-bit activations: ${reason ?? 'it has no values of its own to quantize'}.`,
  }
}
