/** The whole workbench killed in the middle of its work, as a power cut or the system's memory killer would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/websocket'
import type { ContractRouterClient } from '@orpc/contract'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { inFolder } from '../../main/workspace/fixture'
import { fileHash } from '../../main/workspace/store'
import type { Contract } from '../../shared/contract'
import type { Job } from '../../shared/domain'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
let bundle: string

// The entry is bundled into a folder of its own under out/, where it finds the packages and the job process.
beforeAll(async () => {
  mkdirSync(join(root, 'out'), { recursive: true })
  bundle = mkdtempSync(join(root, 'out/host-'))
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      ssr: join(root, 'app/host/main.ts'),
      target: 'node20',
      outDir: bundle,
      copyPublicDir: false,
      rolldownOptions: { output: { entryFileNames: 'host.js', codeSplitting: false } },
    },
  })
})

afterAll(() => rmSync(bundle, { recursive: true, force: true }))

interface Running {
  process: ChildProcess
  client: ContractRouterClient<Contract>
  kill(signal: NodeJS.Signals): Promise<void>
}

function launch(workspace: string): ChildProcess {
  return spawn(process.execPath, [join(bundle, 'host.js'), '--workspace', workspace], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function start(workspace: string): Promise<Running> {
  const child = launch(workspace)
  const url = new URL(await said(child, /Bantam is at (\S+)/))
  const welcome = await fetch(url, { redirect: 'manual' })
  const cookie = welcome.headers.get('set-cookie')?.split(';')[0] ?? ''
  const websocket = new WebSocket(`ws://${url.host}/rpc`, { headers: { cookie, origin: url.origin } })
  await new Promise(resolve => websocket.once('open', resolve))
  const link = new RPCLink({ websocket: websocket as unknown as globalThis.WebSocket })
  return {
    process: child,
    client: createORPCClient(link),
    async kill(signal) {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill(signal)
      await gone
    },
  }
}

function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const listen = (chunk: unknown) => {
      text += String(chunk)
      const match = pattern.exec(text)
      if (match) resolve(match[1] ?? match[0])
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.once('exit', code => reject(new Error(`ended with ${code}: ${text}`)))
  })
}

async function jobs({ client }: Running): Promise<Record<string, Job>> {
  return Object.fromEntries((await client.jobs.list()).map(job => [job.title, job]))
}

async function until(
  running: Running,
  ready: (jobs: Record<string, Job>) => boolean,
): Promise<Record<string, Job>> {
  for (;;) {
    const now = await jobs(running)
    if (ready(now)) return now
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Processes a process has started (Linux). */
function children(pid: number | undefined): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

/** Whether a process runs; one that ended and waits to be collected does not. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test.runIf(process.platform === 'linux')(
  '[J9] kill -9 in the middle: nothing lost, nothing half there',
  async () => {
    await inFolder(async workspace => {
      const first = await start(workspace)
      const before = await until(
        first,
        now => now['Measure the teacher']?.state === 'running' && now['Measure the teacher'].progress > 0.05,
      )
      expect(before['Import the data: Handwritten digits']?.state).toBe('done')
      const offspring = children(first.process.pid)
      expect(offspring.length).toBeGreaterThanOrEqual(2) // the job and the warm process
      const maps = readFileSync(`/proc/${first.process.pid}/maps`, 'utf8')
      expect(maps).not.toMatch(/onnxruntime|vips/) // the workbench itself loads neither

      await first.kill('SIGKILL')
      while (offspring.some(lives)) await new Promise(resolve => setTimeout(resolve, 20))
      expect(existsSync(join(workspace, 'lock'))).toBe(true)
      expect(readdirSync(join(workspace, 'tmp'))).toHaveLength(1)

      const second = await start(workspace)
      // [J8] what ran is taken up first, by itself
      await until(second, now => now['Measure the teacher']?.state === 'running')
      const after = await jobs(second)
      for (const title of ['Float16', 'Dynamic int8', 'Static int8', 'Student, half as wide']) {
        expect(after[title]?.state).toBe('queued')
        await second.client.jobs.cancel({ id: after[title]?.id ?? '' })
      }
      await until(second, now => now['Measure the teacher']?.state === 'done')
      const [study] = await second.client.studies.list()
      const { variants, datasets } = await second.client.studies.get({ id: study?.id ?? '' })
      expect(datasets).toHaveLength(1)
      expect(variants).toHaveLength(1)
      expect(variants[0]?.evaluation?.metrics.accuracy?.value).toBeGreaterThan(0.97)
      expect(variants[0]?.benchmark?.rows.length).toBeGreaterThan(0)
      expect(readdirSync(join(workspace, 'tmp'))).toEqual([])
      await second.kill('SIGTERM')
      expect(existsSync(join(workspace, 'lock'))).toBe(false)
      await expectWhole(workspace)
    })
  },
  120_000,
)

test('[W2] the second instance says who has the workspace', async () => {
  await inFolder(async workspace => {
    const first = await start(workspace)
    const second = launch(workspace)
    const line = await said(second, /Another Bantam.*/)
    expect(line).toBe(
      `Another Bantam (process ${first.process.pid}) has this workspace open. [${workspace}] Use that one, close it, or choose another folder with --workspace.`,
    )
    if (second.exitCode === null) await new Promise(resolve => second.once('exit', resolve))
    expect(second.exitCode).toBe(2)
    await first.kill('SIGTERM')
  })
})

/** Every stored file is what its name says. */
async function expectWhole(workspace: string): Promise<void> {
  for (const prefix of readdirSync(join(workspace, 'files'))) {
    for (const rest of readdirSync(join(workspace, 'files', prefix))) {
      expect(await fileHash(join(workspace, 'files', prefix, rest))).toBe(prefix + rest)
    }
  }
}
