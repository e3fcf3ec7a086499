/**
 * Nodes with 16-bit activations between nodes in 8 bits.
 *
 * ONNX Runtime on CPU has QuantizeLinear and DequantizeLinear for 16 bits, but no kernel that multiplies such codes: a
 * wide node computes in float, on activations rounded to 65,536 steps and weights of 8 bits that are made float in
 * every run. So it costs a little more time than a node in float and a quarter of its bytes. Accelerators have kernels
 * for it. From operator set 21 on the operators are the standard's, before that those of com.microsoft, as the same
 * runtime has them.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import type { Model } from '../../onnx/model'
import { type Affine, affineFor, type CodeRange, type CodeType, type Range } from '../affine'
import { MICROSOFT } from '../microsoft'
import { nodeLabel } from '../names'
import type { StaticDecisions } from './options'
import type { Chosen, Selection } from './select'

export type WideType = 'uint16' | 'int16'

/** First operator set whose QuantizeLinear has 16-bit codes. */
const STANDARD = 21

/** The 16-bit type with the sign of the 8-bit one. */
export function wideType(type: CodeType): WideType {
  return type === 'uint8' ? 'uint16' : 'int16'
}

export function wideCodes(type: WideType): CodeRange {
  return type === 'uint16' ? { min: 0, max: 65535 } : { min: -32768, max: 32767 }
}

/** The domain of 16-bit QuantizeLinear in a model of this operator set. */
export function wideDomain(opset: number): '' | typeof MICROSOFT {
  return opset >= STANDARD ? '' : MICROSOFT
}

/**
 * Values in 16 bits, in graph order: what wide nodes make, but for results that nothing quantized reads where the
 * kernel has them in float, and what they read and no node makes in 8 bits.
 */
export function wideValues(model: Model, selection: Selection): Selection['values'] {
  const { wide, chosen, values } = selection
  const inputs = ({ node, activations }: Chosen) => activations.map(i => node.input[i] as string)
  const read = new Set(wide.flatMap(inputs))
  const anyRead = new Set([...read, ...chosen.flatMap(inputs)])
  const made = new Set(
    wide.flatMap(({ role, carries }) =>
      role.kind === 'weighted' && role.floatOutput ? carries.filter(name => anyRead.has(name)) : carries,
    ),
  )
  const narrow = new Set(values.filter(v => v.carried).map(v => v.name))
  const { graph } = model
  return [...graph.inputNames, ...graph.topological().flatMap(node => node.output)]
    .filter(name => made.has(name) || (read.has(name) && !narrow.has(name)))
    .map(name => ({ name, carried: made.has(name) }))
}

/** Scales of those values. */
export function decideWide(
  values: Selection['values'],
  ranges: ReadonlyMap<string, Range>,
  type: WideType,
  symmetric: boolean,
): StaticDecisions['wide']['values'] {
  return values.map(({ name, carried }) => {
    const range = ranges.get(name) ?? { min: 0, max: 0 }
    const affine = affineFor(range, wideCodes(type), symmetric && range.min < 0)
    return { name, carried, min: range.min, max: range.max, ...affine }
  })
}

/** The scale with which a node reads its first input. */
export function inputScale(
  node: NodeProto,
  wide: boolean,
  narrow: ReadonlyMap<string, Affine>,
  wider: ReadonlyMap<string, Affine>,
): number | undefined {
  const name = node.input[0] ?? ''
  return ((wide ? wider.get(name) : undefined) ?? narrow.get(name))?.scale
}

/** What wide nodes cost, told once; nothing without any. */
export function wideNotes(wide: readonly Chosen[]): Note[] {
  const [first] = wide
  if (!first) return []
  const count = wide.length === 1 ? '1 node has' : `${wide.length} nodes have`
  const message = `${count} 16-bit activations: ONNX Runtime on CPU computes such nodes in float between conversions, a little slower than in float alone; their weights stay in 8 bits.`
  return [{ code: 'wide', severity: 'info', node: nodeLabel(first.node), message }]
}
