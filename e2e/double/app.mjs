/** `app`. */
import { EventEmitter } from 'node:events'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

class App extends EventEmitter {
  isPackaged = false
  name = 'double'
  commandLine = { appendSwitch() {} }
  #data = process.env.DOUBLE_USER_DATA ?? mkdtempSync(join(tmpdir(), 'double-'))
  #quitting = false

  whenReady() {
    return Promise.resolve()
  }

  isReady() {
    return true
  }

  /** The order of the real one: `before-quit`, windows close, `will-quit`, `quit`; each of the two may be refused. */
  quit() {
    if (this.#refused('before-quit') || this.#quitting) return
    this.#quitting = true
    if (this.#refused('will-quit')) {
      this.#quitting = false
      return
    }
    this.emit('quit', {}, 0)
    this.exit(0)
  }

  #refused(event) {
    let refused = false
    this.emit(event, { preventDefault: () => (refused = true) })
    return refused
  }

  exit(code = 0) {
    void globalThis.__double.context.close().finally(() => process.exit(code))
  }

  getPath(name) {
    const path = join(this.#data, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  getVersion() {
    return '0.0.0'
  }

  getName() {
    return this.name
  }

  getAppPath() {
    return process.cwd()
  }

  getLocale() {
    return 'en-US'
  }

  requestSingleInstanceLock() {
    return true
  }

  setAsDefaultProtocolClient() {
    return true
  }

  setAppUserModelId() {}
}

export const app = new App()
