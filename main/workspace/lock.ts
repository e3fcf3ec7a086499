/**
 * One Bantam per workspace: a file that names its holder. A holder that died (SIGKILL, power cut) leaves the file
 * behind; it is taken over when its process is gone, or when its number now belongs to a process started later.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BantamError } from '../../shared/errors'

const Holder = z.object({ pid: z.number().int(), started: z.string(), nonce: z.string() })
type Holder = z.infer<typeof Holder>

export interface Lock {
  release(): void
}

const WORKSPACE = {
  what: 'has this workspace open',
  action: 'Use that one, close it, or choose another folder with --workspace.',
}

/**
 * Takes the lock of a folder. Throws `conflict` naming the other process when it is held; `held` says what that one
 * does, and what to do about it.
 */
export function takeLock(folder: string, held = WORKSPACE): Lock {
  const path = join(folder, 'lock')
  const mine: Holder = { pid: process.pid, started: startTime(process.pid), nonce: crypto.randomUUID() }
  for (let attempt = 0; attempt < 10; attempt++) {
    if (create(path, mine)) return { release: () => release(path, mine) }
    const other = read(path)
    if (other && isAlive(other)) {
      throw new BantamError('conflict', `Another Bantam (process ${other.pid}) ${held.what}.`, {
        where: folder,
        action: held.action,
      })
    }
    discard(path, other)
  }
  throw new BantamError('conflict', 'The folder could not be locked.', {
    where: folder,
    action: 'Try again.',
  })
}

/** The file appears whole or not at all: it is written under another name and linked into place. */
function create(path: string, holder: Holder): boolean {
  const draft = `${path}.${holder.nonce}`
  writeFileSync(draft, JSON.stringify(holder))
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST') return false
    return createWithoutLinks(path, holder) // file systems without hard links
  } finally {
    rmSync(draft, { force: true })
  }
}

function createWithoutLinks(path: string, holder: Holder): boolean {
  try {
    writeFileSync(path, JSON.stringify(holder), { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * Moves a dead holder's file away. Between looking and moving, another process may have taken over and put its own
 * file there: then that one is put back.
 */
function discard(path: string, dead: Holder | undefined): void {
  const aside = `${path}.${crypto.randomUUID()}`
  try {
    renameSync(path, aside)
  } catch {
    return // somebody else moved it
  }
  const moved = read(aside)
  if (moved && moved.nonce !== dead?.nonce) {
    try {
      linkSync(aside, path)
    } catch {
      // A third one has it by now; its claim stands, and the one moved aside finds out when it next locks.
    }
  }
  rmSync(aside, { force: true })
}

function release(path: string, mine: Holder): void {
  if (read(path)?.nonce === mine.nonce) rmSync(path, { force: true })
}

function read(path: string): Holder | undefined {
  try {
    return Holder.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined // gone, or cut short by a crash: nobody's
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  return holder.started === startTime(holder.pid)
}

/** Start time of a process in clock ticks since boot (Linux, `/proc/PID/stat` field 22); '' where it cannot be read. */
function startTime(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in brackets and may itself hold spaces.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[19] ?? ''
  } catch {
    return ''
  }
}
