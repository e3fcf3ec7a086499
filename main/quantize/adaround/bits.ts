/** Decisions to round up or down as text: one bit for each element of a weight, the first in the lowest bit, in base64. */

/** `up`: 0 or 1 for each element. */
export function packBits(up: Uint8Array): string {
  const bytes = new Uint8Array(Math.ceil(up.length / 8))
  for (let i = 0; i < up.length; i++) {
    const at = i >> 3
    bytes[at] = (bytes[at] as number) | ((up[i] as number) << (i & 7))
  }
  return Buffer.from(bytes).toString('base64')
}

/** 0 or 1 for each of `count` elements; null when the text holds another number of them. */
export function unpackBits(text: string, count: number): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== Math.ceil(count / 8)) return null
  return Uint8Array.from({ length: count }, (_, i) => ((bytes[i >> 3] as number) >> (i & 7)) & 1)
}
