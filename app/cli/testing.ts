/** For tests: the command line as one built file, run as a child process. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'

export interface Run {
  code: number | null
  stdout: string
  stderr: string
}

export interface BuiltCli {
  /** The built entry. */
  readonly file: string
  run(...args: string[]): Run
  /** Starts the command and sends SIGINT after `afterMs`. */
  interrupt(afterMs: number, env: Record<string, string>, ...args: string[]): Promise<Run>
  remove(): void
}

/** Bundles app/cli/main.ts into a folder of its own under `out/`, beside which the engine's process entries lie. */
export async function buildCli(): Promise<BuiltCli> {
  mkdirSync('out', { recursive: true })
  const folder = mkdtempSync(resolve('out/cli-test-'))
  await build({
    configFile: false,
    root: resolve('.'),
    logLevel: 'error',
    build: {
      ssr: 'app/cli/main.ts',
      target: 'node20',
      outDir: folder,
      emptyOutDir: false,
      copyPublicDir: false,
      rolldownOptions: { output: { entryFileNames: 'cli.js' } },
    },
  })
  const cli = join(folder, 'cli.js')
  return {
    file: cli,
    run(...args) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      })
      return { code: status, stdout, stderr }
    },
    interrupt(afterMs, env, ...args) {
      return new Promise((done, fail) => {
        const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...env } })
        let [stdout, stderr] = ['', '']
        child.stdout.on('data', chunk => {
          stdout += chunk
        })
        child.stderr.on('data', chunk => {
          stderr += chunk
        })
        child.on('error', fail)
        child.on('close', code => done({ code, stdout, stderr }))
        setTimeout(() => child.kill('SIGINT'), afterMs)
      })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
