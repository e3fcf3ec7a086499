/** Starting the built workbench for specs: over the host or as the desktop app, each with a workspace of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DesktopApp, launchDesktop } from './double/launch'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

export interface LaunchedHost {
  /** With the token: open this first. */
  readonly url: string
  readonly workspace: string
  readonly process: ChildProcess
  /** Ends it and deletes the workspace. */
  close(): Promise<void>
}

export interface LaunchOptions {
  /** Make the sample study, and take the time that measuring takes. Default true. */
  sample?: boolean
}

/** What is measured of models of one's own is not looked at closely: a twentieth of the usual time is enough. */
function environment({ sample = true }: LaunchOptions): NodeJS.ProcessEnv {
  return sample ? process.env : { BANTAM_ROW_MS: '50', ...process.env }
}

export interface HostLaunchOptions extends LaunchOptions {
  /** Keeps an existing workspace; without, a new one is made and deleted at the end. */
  workspace?: string
}

/** Starts `out/main/host.js` on a free port and waits until it answers. */
export async function launchHost(options: HostLaunchOptions = {}): Promise<LaunchedHost> {
  const workspace = options.workspace ?? mkdtempSync(join(tmpdir(), 'bantam-e2e-'))
  const args = ['--port', '0', '--workspace', workspace, ...(options.sample === false ? ['--no-sample'] : [])]
  const child = spawn(process.execPath, [join(root, 'out/main/host.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment(options),
  })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', chunk => {
      text += String(chunk)
      const match = /Bantam is at (\S+)/.exec(text)
      if (match?.[1]) resolve(match[1])
    })
    child.once('exit', code => reject(new Error(`The host ended with exit code ${code}: ${text}`)))
  })
  return {
    url,
    workspace,
    process: child,
    async close() {
      await ended(child, 'SIGTERM')
      if (!options.workspace) rmSync(workspace, { recursive: true, force: true })
    },
  }
}

/** Sends a signal and waits until the process is gone. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await gone
}

export interface LaunchedApp extends DesktopApp {
  readonly workspace: string
  /** Ends it; `close` deletes the workspace too. */
  quit(): Promise<void>
}

/** Starts the desktop app (Electron, or its double) with a workspace of its own. */
export async function launchApp(options: LaunchOptions = {}): Promise<LaunchedApp> {
  const workspace = mkdtempSync(join(tmpdir(), 'bantam-e2e-'))
  const userData = mkdtempSync(join(tmpdir(), 'bantam-e2e-user-'))
  const app = await launchDesktop(join(root, 'out/main/index.js'), {
    args: [`--user-data-dir=${userData}`, ...(options.sample === false ? ['--no-sample'] : [])],
    env: { ...environment(options), BANTAM_WORKSPACE: workspace, DOUBLE_USER_DATA: userData },
  })
  return {
    ...app,
    workspace,
    quit: app.close,
    async close() {
      await app.close()
      for (const folder of [workspace, userData]) rmSync(folder, { recursive: true, force: true })
    },
  }
}
