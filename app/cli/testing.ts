/** For tests: the command line as one built file, run as a child process. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'
import { expect } from 'vitest'

export interface Run {
  code: number | null
  stdout: string
  stderr: string
}

export interface BuiltCli {
  /** The built entry. */
  readonly file: string
  run(...args: string[]): Run
  /** Runs commands one after the other in one process, whose start takes longer than most refusals. */
  runEach(commands: readonly (readonly string[])[]): Run[]
  /** Starts the command, and sends SIGINT soon after `begun` says that it is at work. */
  interrupt(begun: () => boolean, env: Record<string, string>, ...args: string[]): Promise<Run>
  remove(): void
}

/** What a command must refuse: its arguments, what it says, and its exit code where that is not 2. */
export type Refusal = readonly [args: readonly string[], line: string | RegExp, code?: number]

/** The one document a command left on stdout. */
export function document(run: Run | undefined) {
  if (!run) throw new Error('The command did not run.')
  expect(run.stderr).toBe('')
  expect(run.code).toBe(0)
  expect(run.stdout.endsWith('}\n')).toBe(true)
  expect(run.stdout.trim().split('\n')).toHaveLength(1)
  return JSON.parse(run.stdout)
}

export function refused(run: Run | undefined, line: string | RegExp, code = 2): void {
  if (!run) throw new Error('The command did not run.')
  if (typeof line === 'string') expect(run.stderr).toBe(`${line}\n`)
  else expect(run.stderr).toMatch(line)
  expect(run.stderr.trim().split('\n')).toHaveLength(1)
  expect([run.code, run.stdout]).toEqual([code, ''])
}

export function refusedEach(cli: BuiltCli, refusals: readonly Refusal[]): void {
  const runs = cli.runEach(refusals.map(([args]) => args))
  for (const [i, [, line, code]] of refusals.entries()) refused(runs[i], line, code)
}

/**
 * Runs the command line for each list of arguments. Imported under another name, the entry alone runs again; a NUL ends
 * the output of each.
 */
const EACH = `import { writeSync } from 'node:fs'
const commands = JSON.parse(process.argv[2])
for (const [i, args] of commands.entries()) {
  process.argv.splice(2, Infinity, ...args)
  process.exitCode = undefined
  await import('./cli.js?' + i)
  writeSync(3, String(process.exitCode ?? 0))
  for (const out of [1, 2, 3]) writeSync(out, '\\0')
}
process.exitCode = 0
`

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
  const each = join(folder, 'each.mjs')
  writeFileSync(each, EACH)
  return {
    file: cli,
    run(...args) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      })
      return { code: status, stdout, stderr }
    },
    runEach(commands) {
      const { output } = spawnSync(process.execPath, [each, JSON.stringify(commands)], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      })
      const [, stdout = [], stderr = [], codes = []] = output.map(text => text?.split('\0').slice(0, -1))
      return codes.map((code, i) => ({
        code: Number(code),
        stdout: stdout[i] ?? '',
        stderr: stderr[i] ?? '',
      }))
    },
    interrupt(begun, env, ...args) {
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
        const timer = setInterval(() => {
          if (!begun()) return
          clearInterval(timer)
          setTimeout(() => child.kill('SIGINT'), 300)
        }, 20)
        child.on('exit', () => clearInterval(timer))
      })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
