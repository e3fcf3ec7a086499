/**
 * Folders for the answers of the warm process. It is killed when the workbench closes or a question takes too long, and
 * then cannot clean up: what such a process left is removed by the next one.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'bantam-ask'
/** Of another machine that shares the folder no process is known here: its folders are left alone while they are new. */
const LEFT_MS = 3_600_000

let swept: Promise<void> | undefined

/** Gives the work a folder of its own, which is gone when it ends. */
export async function withScratch<T>(work: (folder: string) => Promise<T>, root = tmpdir()): Promise<T> {
  swept ??= sweepScratch(root)
  await swept
  const folder = await mkdtemp(join(root, `${PREFIX}-${process.pid}-`))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes folders that processes left which are gone. One that cannot be removed is no reason not to answer. */
export async function sweepScratch(root: string, now = Date.now()): Promise<void> {
  const names = await readdir(root).catch(() => [])
  for (const name of names) {
    const [, pid] = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name) ?? []
    if (pid === undefined || isAlive(Number(pid))) continue
    const path = join(root, name)
    const made = await stat(path).catch(() => null)
    if (made && now - made.mtimeMs > LEFT_MS) await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another person's process cannot be signalled, and is alive.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
