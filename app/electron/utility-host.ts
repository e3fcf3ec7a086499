/** Child processes of the packed app: Electron's utility processes, which run without a window and crash alone. */
import { utilityProcess } from 'electron'
import { type Host, lines } from '../../main/jobs/host'
import type { FromChild } from '../../main/jobs/protocol'
import { entryPath } from '../../main/runtime/entry'

export const utilityHost: Host = {
  spawn(events) {
    const child = utilityProcess.fork(entryPath('job'), [], { stdio: 'pipe', serviceName: 'Bantam job' })
    child.on('message', (message: FromChild) => events.message(message))
    child.stdout?.on('data', lines(events.line))
    child.stderr?.on('data', lines(events.line))
    let killed = false
    let ended = false
    child.on('exit', code => {
      ended = true
      // Output that is still in the pipe is read before the end is told.
      setImmediate(() => events.exit(code, killed ? 'SIGKILL' : null))
    })
    return {
      get pid() {
        return child.pid
      },
      send: message => {
        if (!ended) child.postMessage(message)
      },
      kill() {
        killed = true
        end(child)
      },
    }
  },
}

/** `kill()` of a utility process is a polite SIGTERM, which a process inside ONNX Runtime does not hear. */
function end(child: Electron.UtilityProcess): void {
  if (child.pid === undefined) {
    child.once('spawn', () => end(child))
    return
  }
  try {
    process.kill(child.pid, 'SIGKILL')
  } catch {
    return // it is gone already
  }
}
