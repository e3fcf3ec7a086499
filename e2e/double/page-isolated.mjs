/** What runs in the isolated world: the `electron` module a sandboxed preload may require, and the preload itself. */
import { decode, encode } from './codec.mjs'

/** @param preload source of the built preload  @param binding name of the function that reaches the main process */
export function isolatedWorldScript(preload, binding) {
  const facts = JSON.stringify({ binding, platform: process.platform })
  return `(${installIsolatedWorld})(${encode}, ${decode}, ${facts}, function (require, module, exports, process) {
${preload}
})`
}

function installIsolatedWorld(encode, decode, { binding, platform }, preload) {
  const listeners = new Map()
  const pending = new Map()
  const ports = new Map()
  const exposed = {}
  let count = 0

  const toMain = message => globalThis[binding](encode(message))

  globalThis.__fromMain = text => {
    const message = decode(text)
    if (message.type === 'reply') settle(message)
    else if (message.type === 'send') deliver(message)
    else if (message.type === 'port') ports.get(message.port)?.postMessage(message.data)
    else if (message.type === 'port-close') closePort(message.port)
    else if (message.type === 'paths') globalThis.__paths = new Map(message.paths)
  }

  function settle({ id, error, value }) {
    const waiting = pending.get(id)
    pending.delete(id)
    if (!error) return waiting.resolve(value)
    const where = `Error invoking remote method '${waiting.channel}'`
    waiting.reject(new Error(`${where}: ${error.name}: ${error.message}`))
  }

  function deliver({ channel, args, ports: ids = [] }) {
    const received = ids.map(id => {
      const { port1, port2 } = new MessageChannel()
      wire(id, port1)
      return port2
    })
    const event = { sender: ipcRenderer, ports: received, senderId: 0 }
    for (const listener of [...(listeners.get(channel) ?? [])]) listener(event, ...args)
  }

  function wire(id, port) {
    ports.set(id, port)
    port.onmessage = event => toMain({ type: 'port', port: id, data: event.data })
    port.addEventListener('close', () => {
      ports.delete(id)
      toMain({ type: 'port-close', port: id })
    })
  }

  function closePort(id) {
    ports.get(id)?.close()
    ports.delete(id)
  }

  const ipcRenderer = {
    invoke: (channel, ...args) =>
      new Promise((resolve, reject) => {
        const id = ++count
        pending.set(id, { resolve, reject, channel })
        toMain({ type: 'invoke', id, channel, args })
      }),
    send: (channel, ...args) => toMain({ type: 'send', channel, args }),
    sendSync: () => {
      throw new Error('The double has no sendSync.')
    },
    postMessage(channel, message, transfer = []) {
      const ids = transfer.map(port => {
        const id = `page-${++count}`
        wire(id, port)
        return id
      })
      toMain({ type: 'post', channel, message, ports: ids })
    },
    on(channel, listener) {
      listeners.set(channel, (listeners.get(channel) ?? new Set()).add(listener))
      return ipcRenderer
    },
    off(channel, listener) {
      listeners.get(channel)?.delete(listener)
      return ipcRenderer
    },
    once(channel, listener) {
      const once = (...args) => {
        ipcRenderer.off(channel, once)
        listener(...args)
      }
      return ipcRenderer.on(channel, once)
    },
    removeListener: (channel, listener) => ipcRenderer.off(channel, listener),
    removeAllListeners(channel) {
      listeners.delete(channel)
      return ipcRenderer
    },
  }

  function shapeOf(value) {
    if (typeof value === 'function') return { kind: 'function' }
    if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
      const members = Object.entries(value).map(([name, member]) => [name, shapeOf(member)])
      return { kind: 'object', members: Object.fromEntries(members) }
    }
    return { kind: 'value', value: encode(value) }
  }

  function answer(message) {
    document.dispatchEvent(new CustomEvent('double:return', { detail: encode(message) }))
  }

  const asError = error => (error instanceof Error ? error : new Error(String(error)))

  document.addEventListener('double:call', event => {
    const { id, path, args } = decode(event.detail)
    try {
      const member = path.reduce((object, name) => object[name], exposed)
      const value = member(...args)
      if (typeof value?.then !== 'function') return answer({ id, value })
      answer({ id, later: true })
      value.then(
        result => answer({ id, settled: true, value: result }),
        error => answer({ id, settled: true, error: asError(error) }),
      )
    } catch (error) {
      answer({ id, error: asError(error) })
    }
  })

  const contextBridge = {
    exposeInMainWorld(key, api) {
      if (key in exposed) {
        throw new Error('Cannot bind an API on top of an existing property on the window object')
      }
      exposed[key] = api
      document.dispatchEvent(
        new CustomEvent('double:expose', { detail: encode({ key, shape: shapeOf(api) }) }),
      )
    },
  }
  const webUtils = { getPathForFile: file => globalThis.__paths?.get(file.name) ?? '' }
  const modules = {
    electron: { ipcRenderer, contextBridge, webUtils, webFrame: { setZoomFactor() {} } },
    events: {},
  }
  // A sandboxed preload may require these and nothing else.
  function require(id) {
    if (!modules[id]) throw new Error(`module not found: ${id}`)
    return modules[id]
  }
  const chrome = navigator.userAgent.match(/Chrome\/([\d.]+)/)?.[1]
  const versions = { electron: 'double', chrome }
  const process = { platform, versions, contextIsolated: true, sandboxed: true, type: 'renderer', env: {} }
  const module = { exports: {} }
  preload(require, module, module.exports, process)
}
