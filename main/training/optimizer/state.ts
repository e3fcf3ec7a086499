/** The bytes of a saved optimizer: magic, length of the header, header as JSON, then the values of each section. */
import { BantamError } from '../../../shared/errors'

export interface StateHeader<Section extends string = string> {
  kind: string
  steps: number
  /** How many batches' gradients are added up. */
  accumulated: number
  sections: Section[]
  parameters: { name: string; size: number; decay: boolean }[]
}

const MAGIC = Buffer.from('BANTAMO1')
const START = MAGIC.length + 4

/** Values of `sections` must all have the same length. */
export function packState(header: StateHeader, sections: readonly Float32Array[]): Uint8Array {
  const text = Buffer.from(JSON.stringify(header))
  const bytes = new Uint8Array(START + text.length + sections.reduce((sum, s) => sum + s.byteLength, 0))
  bytes.set(MAGIC)
  new DataView(bytes.buffer).setUint32(MAGIC.length, text.length, true)
  bytes.set(text, START)
  let at = START + text.length
  for (const section of sections) {
    bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at)
    at += section.byteLength
  }
  return bytes
}

/** The header, and where the values begin. Throws `bad-data` when these are not the bytes of a saved optimizer. */
export function readHeader(bytes: Uint8Array): { header: StateHeader; at: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length >= START && Buffer.from(bytes.subarray(0, MAGIC.length)).equals(MAGIC)) {
    const at = START + view.getUint32(MAGIC.length, true)
    try {
      // Written by packState: the caller compares every field with what it expects.
      return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(START, at))) as StateHeader, at }
    } catch {}
  }
  throw new BantamError('bad-data', 'This is not a saved state of an optimizer.', {
    action: 'Begin the training anew, or from an earlier checkpoint.',
  })
}

/** What makes a saved state unfit for an optimizer that would save `expected`, in words; undefined when it fits. */
export function misfit(saved: StateHeader, expected: StateHeader): string | undefined {
  const list = (names: readonly string[]) => names.join(', ')
  if (saved.kind !== expected.kind) return `it is of ${saved.kind}, not of ${expected.kind}`
  if (list(saved.sections) !== list(expected.sections))
    return `it holds ${list(saved.sections)}, not ${list(expected.sections)}`
  for (const [i, p] of expected.parameters.entries()) {
    const q = saved.parameters[i]
    if (q?.name !== p.name || q.size !== p.size || q.decay !== p.decay)
      return `its parameter ${i} is ${q ? `${q.name} (${q.size} values)` : 'missing'}, not ${p.name} (${p.size} values)`
  }
  if (saved.parameters.length > expected.parameters.length)
    return `it has ${saved.parameters.length} parameters, not ${expected.parameters.length}`
  return undefined
}
