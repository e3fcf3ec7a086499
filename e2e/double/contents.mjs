/** `webContents`: messages between the main process and one page. */
import { EventEmitter } from 'node:events'
import { decode } from './codec.mjs'
import { ipcMain } from './ipc.mjs'
import { MessagePortMain } from './ports.mjs'
import { toAppUrl } from './protocol.mjs'

let contents = 0
let ports = 0

export class WebContents extends EventEmitter {
  id = ++contents
  ports = new Map()
  openHandler = undefined

  constructor(window) {
    super()
    this.window = window
    const self = this
    this.mainFrame = {
      get url() {
        return self.getURL()
      },
    }
  }

  setWindowOpenHandler(handler) {
    this.openHandler = handler
  }

  getURL() {
    return toAppUrl(this.window.page?.url() ?? '')
  }

  send(channel, ...args) {
    void this.window.toPage({ type: 'send', channel, args })
  }

  postMessage(channel, message, transfer = []) {
    const ids = transfer.map(port => {
      const id = `main-${++ports}`
      port.on('message', event => void this.window.toPage({ type: 'port', port: id, data: event.data }))
      port.start()
      this.ports.set(id, { receive: data => port.postMessage(data) })
      return id
    })
    void this.window.toPage({ type: 'send', channel, args: [message], ports: ids })
  }

  async executeJavaScript(code) {
    await this.window.ready
    return this.window.page.evaluate(code)
  }

  isDestroyed() {
    return this.window.isDestroyed()
  }

  openDevTools() {}

  /** A message from the page's preload. */
  receive(text) {
    const message = decode(text)
    const event = { sender: this, senderFrame: this.mainFrame, frameId: 1, processId: 1, ports: [] }
    if (message.type === 'invoke') this.#invoke(event, message)
    else if (message.type === 'send') ipcMain.emit(message.channel, event, ...message.args)
    else if (message.type === 'post') {
      event.ports = message.ports.map(id => this.#port(id))
      ipcMain.emit(message.channel, event, message.message)
    } else if (message.type === 'port') this.ports.get(message.port)?.receive(message.data)
    else if (message.type === 'port-close') {
      this.ports.get(message.port)?.emit?.('close')
      this.ports.delete(message.port)
    }
  }

  async #invoke(event, { id, channel, args }) {
    try {
      const handler = ipcMain.handlers.get(channel)
      if (!handler) throw new Error(`No handler registered for '${channel}'`)
      await this.window.toPage({ type: 'reply', id, value: await handler(event, ...args) })
    } catch (error) {
      await this.window.toPage({ type: 'reply', id, error: { name: error.name, message: error.message } })
    }
  }

  #port(id) {
    const port = new MessagePortMain(message =>
      this.window.toPage(
        message.close ? { type: 'port-close', port: id } : { type: 'port', port: id, data: message.data },
      ),
    )
    this.ports.set(id, port)
    return port
  }
}
