/** How child processes are started: the one thing about processes that differs between Electron, Node and tests. */
import { fork } from 'node:child_process'
import { entryPath } from '../runtime/entry'
import type { FromChild, ToChild } from './protocol'

export interface ChildHandle {
  readonly pid: number | undefined
  send(message: ToChild): void
  /** Ends the process at once (SIGKILL). */
  kill(): void
}

/** Every event of a child; `exit` comes last and exactly once. */
export interface ChildEvents {
  message(message: FromChild): void
  /** One line of the process's stdout or stderr, without colours. */
  line(text: string): void
  exit(code: number | null, signal: string | null): void
}

export interface Host {
  spawn(events: ChildEvents): ChildHandle
}

/** Children of a plain Node process. `entry` is another script in place of the built one. */
export function nodeHost(entry?: string): Host {
  return {
    spawn(events) {
      const child = fork(entry ?? entryPath('job'), [], {
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: [],
      })
      // The child is ours and speaks the protocol.
      child.on('message', message => events.message(message as FromChild))
      child.stdout?.on('data', lines(events.line))
      child.stderr?.on('data', lines(events.line))
      // `close` comes after the output was read to its end. A process that could not be started has no `exit`.
      let ended = false
      const end = (code: number | null, signal: string | null) => {
        if (!ended) events.exit(code, signal)
        ended = true
      }
      child.on('close', end)
      child.on('error', error => {
        events.line(error.message)
        if (child.pid === undefined) end(null, null)
      })
      return {
        pid: child.pid,
        send: message => {
          // A child that is just dying cannot be told anything; its exit says the rest.
          if (child.connected) child.send(message, () => {})
        },
        kill: () => void child.kill('SIGKILL'),
      }
    },
  }
}

/** Cuts a stream of chunks into lines; ANSI colours are dropped. */
export function lines(line: (text: string) => void): (chunk: Buffer | string) => void {
  let rest = ''
  return chunk => {
    const parts = (rest + String(chunk)).split(/\r?\n/)
    rest = parts.pop() ?? ''
    if (rest.length > 4000) {
      parts.push(rest) // a line that never ends is passed on in pieces
      rest = ''
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colour codes begin with ESC
    for (const part of parts) if (part.trim()) line(part.replace(/\u001b\[[0-9;]*m/g, ''))
  }
}
