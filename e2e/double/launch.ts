/** Starts the built desktop app: in Electron where its binary exists, in the double elsewhere. */
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { _electron, chromium, type Page } from '@playwright/test'
import type * as Electron from 'electron'

/** The members of Playwright's ElectronApplication that the specs use. */
export interface DesktopApp {
  readonly kind: 'electron' | 'double'
  readonly pid: number | undefined
  firstWindow(): Promise<Page>
  windows(): Page[]
  /** Runs a function in the main process; it sees the `electron` module and its argument, nothing else. */
  evaluate<R, A = undefined>(
    run: (electron: typeof Electron, argument: A) => R | Promise<R>,
    argument?: A,
  ): Promise<R>
  /** What the main process has written on its error output. */
  errors(): string
  /** Lets the page drop or choose these files with their real paths. */
  namePaths(paths: readonly string[]): Promise<void>
  close(): Promise<void>
}

export interface LaunchOptions {
  args?: string[]
  env?: NodeJS.ProcessEnv
}

/** Path of the Electron binary. Never requires 'electron', which would start a download. */
export function electronBinary(): string | undefined {
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'))
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(folder, 'dist')
  const names = ['electron', 'electron.exe', 'Electron.app/Contents/MacOS/Electron']
  return names.map(name => join(dist, name)).find(path => existsSync(path))
}

/** @param main the built main bundle, `out/main/index.js` */
export async function launchDesktop(main: string, options: LaunchOptions = {}): Promise<DesktopApp> {
  const binary = process.env.DESKTOP === 'double' ? undefined : electronBinary()
  return binary ? launchElectron(binary, main, options) : launchDouble(main, options)
}

async function launchElectron(
  binary: string,
  main: string,
  { args = [], env }: LaunchOptions,
): Promise<DesktopApp> {
  const app = await _electron.launch({
    executablePath: binary,
    args: [main, ...args],
    env: stringsOf({ ...process.env, ...env }),
  })
  const errors = heard(app.process().stderr)
  return {
    kind: 'electron',
    errors,
    pid: app.process().pid,
    firstWindow: () => app.firstWindow(),
    windows: () => app.windows(),
    // Playwright types the module for its own version of Electron.
    evaluate: (run, argument) => app.evaluate(run as never, argument as never),
    namePaths: async () => {}, // real files have their paths
    close: () => app.close(),
  }
}

interface Reply {
  id?: number
  type?: string
  endpoint?: string
  value?: unknown
  error?: string
}

async function launchDouble(main: string, { args = [], env }: LaunchOptions): Promise<DesktopApp> {
  const child = fork(join(import.meta.dirname, 'run.mjs'), [main, ...args], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  })
  const errors = heard(child.stderr)
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.on('message', (reply: Reply) => reply.endpoint && resolve(reply.endpoint))
    child.on('exit', code => reject(new Error(`The desktop app ended with exit code ${code}.`)))
  })
  const browser = await chromium.connectOverCDP(endpoint)
  const [context] = browser.contexts()
  if (!context) throw new Error('The double has no browser context.')

  let questions = 0
  function ask(message: Record<string, unknown>): Promise<unknown> {
    const id = ++questions
    return new Promise((resolve, reject) => {
      const listen = (reply: Reply) => {
        if (reply.id !== id) return
        child.off('message', listen)
        if (reply.error === undefined) resolve(reply.value)
        else reject(new Error(reply.error))
      }
      child.on('message', listen)
      child.send({ ...message, id })
    })
  }

  return {
    kind: 'double',
    errors,
    pid: child.pid,
    firstWindow: async () => context.pages()[0] ?? context.waitForEvent('page'),
    windows: () => context.pages(),
    async evaluate<R>(run: unknown, argument?: unknown) {
      // The answer is what the function returned in the other process.
      return (await ask({ type: 'evaluate', source: String(run), argument })) as R
    },
    async namePaths(paths) {
      await ask({ type: 'paths', paths: paths.map(path => [basename(path), path]) })
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise(resolve => child.once('exit', resolve))
      await browser.close().catch(() => {}) // it may be gone with the app
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** Shows what comes on a stream, and keeps it. */
function heard(stream: Readable | null): () => string {
  let text = ''
  stream?.on('data', chunk => {
    text += String(chunk)
    process.stderr.write(chunk)
  })
  return () => text
}

function stringsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
