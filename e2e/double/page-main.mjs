/** What runs in the page's own world: builds the objects the preload exposes, and calls back into it. */
import { decode, encode } from './codec.mjs'

export const mainWorldScript = `(${installMainWorld})(${encode}, ${decode})`

function installMainWorld(encode, decode) {
  let calls = 0

  // The preload answers a call within `dispatchEvent`, since both worlds share the document's events.
  function call(path, args) {
    const id = ++calls
    let reply
    const listen = event => {
      const message = decode(event.detail)
      if (message.id === id) reply ??= message
    }
    document.addEventListener('double:return', listen)
    document.dispatchEvent(new CustomEvent('double:call', { detail: encode({ id, path, args }) }))
    document.removeEventListener('double:return', listen)
    if (!reply) throw new Error('The preload did not answer.')
    if (reply.later) return settlement(id)
    if (reply.error) throw reply.error
    return reply.value
  }

  function settlement(id) {
    return new Promise((resolve, reject) => {
      const listen = event => {
        const message = decode(event.detail)
        if (message.id !== id || !message.settled) return
        document.removeEventListener('double:return', listen)
        if (message.error) reject(message.error)
        else resolve(message.value)
      }
      document.addEventListener('double:return', listen)
    })
  }

  function build(shape, path) {
    if (shape.kind === 'function') return (...args) => call(path, args)
    if (shape.kind === 'value') return decode(shape.value)
    const entries = Object.entries(shape.members).map(([name, member]) => [
      name,
      build(member, [...path, name]),
    ])
    return Object.freeze(Object.fromEntries(entries))
  }

  document.addEventListener('double:expose', event => {
    const { key, shape } = decode(event.detail)
    const value = build(shape, [key])
    Object.defineProperty(window, key, { value, enumerable: true, configurable: false, writable: false })
  })
}
