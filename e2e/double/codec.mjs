/** Tagged JSON: what structured clone carries across Electron's IPC, without functions and DOM nodes. */

/** Sent to pages as source text: must not refer to anything outside itself. */
export function encode(value) {
  return JSON.stringify(value, function (key, plain) {
    const original = this[key]
    if (original === undefined) return { $: 'undefined' }
    if (typeof original === 'bigint') return { $: 'bigint', v: original.toString() }
    if (typeof original === 'function' || typeof original === 'symbol') {
      throw new Error('An object could not be cloned.')
    }
    if (original instanceof Date) return { $: 'Date', v: original.getTime() }
    if (original instanceof Map) return { $: 'Map', v: [...original] }
    if (original instanceof Set) return { $: 'Set', v: [...original] }
    if (original instanceof Error)
      return { $: 'Error', v: { name: original.name, message: original.message } }
    if (typeof File !== 'undefined' && original instanceof File) return { $: 'File', v: original.name }
    if (original instanceof ArrayBuffer || ArrayBuffer.isView(original)) {
      const bytes =
        original instanceof ArrayBuffer
          ? new Uint8Array(original)
          : new Uint8Array(original.buffer, original.byteOffset, original.byteLength)
      let text = ''
      for (let i = 0; i < bytes.length; i += 32768) {
        text += String.fromCharCode(...bytes.subarray(i, i + 32768))
      }
      const type = original.constructor.name
      return { $: 'bytes', t: type === 'Buffer' ? 'Uint8Array' : type, v: btoa(text) }
    }
    return plain
  })
}

/** Sent to pages as source text, too. */
export function decode(text) {
  return JSON.parse(text, (_key, plain) => {
    if (!plain || typeof plain !== 'object' || !('$' in plain)) return plain
    const { $: tag, v: value } = plain
    if (tag === 'bigint') return BigInt(value)
    if (tag === 'Date') return new Date(value)
    if (tag === 'Map') return new Map(value)
    if (tag === 'Set') return new Set(value)
    if (tag === 'Error') return Object.assign(new Error(value.message), { name: value.name })
    if (tag === 'File') return new File([], value)
    if (tag !== 'bytes') return undefined
    const bytes = Uint8Array.from(atob(value), character => character.charCodeAt(0))
    if (plain.t === 'ArrayBuffer') return bytes.buffer
    return new (globalThis[plain.t] ?? Uint8Array)(bytes.buffer)
  })
}
