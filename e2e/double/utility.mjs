/** `utilityProcess`: a forked Node process that sees `process.parentPort`. */
import { fork } from 'node:child_process'
import { EventEmitter } from 'node:events'

class UtilityProcess extends EventEmitter {
  #child

  constructor(module, args, options) {
    super()
    this.#child = fork(new URL('./utility-child.mjs', import.meta.url), [module, ...args], {
      serialization: 'advanced',
      env: options.env,
      execArgv: options.execArgv,
      stdio: options.stdio === 'pipe' ? ['ignore', 'pipe', 'pipe', 'ipc'] : undefined,
    })
    this.stdout = this.#child.stdout
    this.stderr = this.#child.stderr
    this.#child.on('spawn', () => this.emit('spawn'))
    this.#child.on('message', message => this.emit('message', message))
    this.#child.on('exit', (code, signal) => this.emit('exit', code ?? (signal ? 128 : 1)))
  }

  get pid() {
    return this.#child.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined
  }

  postMessage(message) {
    if (this.#child.connected) this.#child.send({ data: message }, () => {})
  }

  kill() {
    return this.#child.kill('SIGTERM')
  }
}

export const utilityProcess = {
  fork: (module, args = [], options = {}) => new UtilityProcess(module, args, options),
}
