/** MessagePorts of the main process. */
import { EventEmitter } from 'node:events'

export class MessagePortMain extends EventEmitter {
  #send
  #started = false
  #waiting = []

  constructor(send) {
    super()
    this.#send = send
  }

  postMessage(data) {
    this.#send({ data })
  }

  start() {
    this.#started = true
    for (const event of this.#waiting.splice(0)) this.emit('message', event)
  }

  close() {
    this.#send({ close: true })
  }

  /** Called by the other side. */
  receive(data) {
    const event = { data, ports: [] }
    if (this.#started) this.emit('message', event)
    else this.#waiting.push(event)
  }
}

export class MessageChannelMain {
  constructor() {
    const to = other => message =>
      setImmediate(() =>
        message.close ? other().emit('close') : other().receive(structuredClone(message.data)),
      )
    this.port1 = new MessagePortMain(to(() => this.port2))
    this.port2 = new MessagePortMain(to(() => this.port1))
  }
}
