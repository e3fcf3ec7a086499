import { execFileSync, fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BantamError } from '../../shared/errors'
import { openDatabase } from './driver'
import { inFolder, inWorkspace } from './fixture'
import { workspaceFolder } from './folder'
import { takeLock } from './lock'
import { migrate } from './migrations'
import { diskError, fileHash } from './store'
import { openWorkspace } from './workspace'

describe('[W1] the folder', () => {
  const at = (platform: NodeJS.Platform, env: Record<string, string> = {}) => ({
    platform,
    env,
    home: '/home/ada',
  })

  test('is the place of each system', () => {
    expect(workspaceFolder(undefined, at('linux'))).toBe('/home/ada/.local/share/bantam')
    expect(workspaceFolder(undefined, at('linux', { XDG_DATA_HOME: '/data' }))).toBe('/data/bantam')
    expect(workspaceFolder(undefined, at('darwin'))).toBe('/home/ada/Library/Application Support/Bantam')
    expect(workspaceFolder(undefined, at('win32', { LOCALAPPDATA: '/local' }))).toBe('/local/Bantam')
  })

  test('is the one that was named', () => {
    expect(workspaceFolder(undefined, at('linux', { BANTAM_WORKSPACE: '/env' }))).toBe('/env')
    expect(workspaceFolder('/option', at('linux', { BANTAM_WORKSPACE: '/env' }))).toBe('/option')
  })
})

describe('[W2] one Bantam per workspace', () => {
  test('the second is refused with the process of the first, and let in when that has closed', () =>
    inFolder(folder => {
      const first = openWorkspace(folder)
      expect(() => openWorkspace(folder)).toThrow(
        new BantamError('conflict', `Another Bantam (process ${process.pid}) has this workspace open.`, {
          where: folder,
          action: 'Use that one, close it, or choose another folder with --workspace.',
        }),
      )
      first.close()
      openWorkspace(folder).close()
    }))

  test('another process is named by its number', () =>
    inFolder(async folder => {
      const other = await holdLock(folder)
      expect(() => takeLock(folder)).toThrow(`Another Bantam (process ${other.pid}) has this workspace open.`)
      other.kill('SIGKILL')
    }))
})

describe('[W3] stale locks', () => {
  test('a killed holder’s lock is taken over', () =>
    inFolder(async folder => {
      const other = await holdLock(folder)
      const gone = new Promise(resolve => other.once('exit', resolve))
      other.kill('SIGKILL')
      await gone
      expect(existsSync(join(folder, 'lock'))).toBe(true)
      takeLock(folder).release()
      expect(readdirSync(folder)).toEqual([])
    }))

  test.runIf(process.platform === 'linux')('a process number that was given away does not hold it', () =>
    inFolder(folder => {
      // This very process lives, but it did not start at tick 1.
      writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, started: '1', nonce: 'old' }))
      const lock = takeLock(folder)
      expect(JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')).nonce).not.toBe('old')
      lock.release()
    }),
  )

  test('a file that was cut short is nobody’s', () =>
    inFolder(folder => {
      writeFileSync(join(folder, 'lock'), '{"pid": 1')
      takeLock(folder).release()
    }))
})

describe('[W4] schema', () => {
  test('a newer one is refused and left alone', () =>
    inFolder(folder => {
      openWorkspace(folder).close()
      const path = join(folder, 'workspace.sqlite')
      const database = openDatabase(path)
      database.exec('PRAGMA user_version = 99')
      database.close()
      expect(() => openWorkspace(folder)).toThrow(
        'The workspace was made by a newer version of Bantam (its format is 99; this version knows up to 3).',
      )
      const again = openDatabase(path)
      expect(again.get('PRAGMA user_version')).toEqual({ user_version: 99 })
      again.close()
      expect(existsSync(join(folder, 'lock'))).toBe(false)
    }))

  test('steps are taken in order, each whole or not at all', () =>
    inFolder(folder => {
      const database = openDatabase(join(folder, 'test.sqlite'))
      const steps = ['CREATE TABLE a (x)', 'CREATE TABLE b (y)', 'CREATE TABLE c (z); CREATE TABLE a (again)']
      migrate(database, steps.slice(0, 1))
      expect(() => migrate(database, steps)).toThrow(/already exists/)
      const tables = database.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
      expect(tables.map(row => row.name)).toEqual(['a', 'b'])
      expect(database.get('PRAGMA user_version')).toEqual({ user_version: 2 })
      database.close()
    }))

  test('a file that is no database is told apart', () =>
    inFolder(folder => {
      writeFileSync(join(folder, 'workspace.sqlite'), 'x'.repeat(5000))
      expect(() => openWorkspace(folder)).toThrow('The workspace’s database is damaged.')
    }))
})

describe('the file store', () => {
  test('[W10] a file lies under the hash of its content, once', () =>
    inWorkspace(async ({ store, folder }) => {
      const hash = await store.putBytes(Buffer.from('abc'))
      expect(hash).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
      expect(store.relativePath(hash)).toBe(join('files', 'ba', hash.slice(2)))
      const source = join(folder, 'source')
      writeFileSync(source, 'abc')
      expect(await store.putFile(source)).toBe(hash)
      expect(await fileHash(store.path(hash))).toBe(hash)
      expect(readdirSync(join(folder, 'tmp'))).toEqual([])
    }))

  test('[W12] leftovers and files no record names are deleted at the next start', () =>
    inFolder(async folder => {
      const first = openWorkspace(folder)
      const stray = await first.store.putBytes(Buffer.from('stray'))
      writeFileSync(join(folder, 'tmp/half-written'), 'x')
      mkdirSync(join(folder, 'models/ab/cdef'), { recursive: true })
      first.close()
      const second = openWorkspace(folder)
      expect(second.store.has(stray)).toBe(false)
      expect(readdirSync(join(folder, 'tmp'))).toEqual([])
      expect(existsSync(join(folder, 'models/ab/cdef'))).toBe(false)
      second.close()
    }))

  test('[W13] the system’s words for a full disk are turned into ours, others are not', () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      expect(diskError(Object.assign(new Error('write'), { code }), '/w')).toMatchObject({
        code: 'no-space',
        where: '/w',
        action: 'Free some space and try again; nothing was left half written.',
      })
    }
    const other = Object.assign(new Error('read'), { code: 'EIO' })
    expect(diskError(other, '/w')).toBe(other)
  })

  test.runIf(canMount())('[W13] a full disk is said plainly and leaves nothing', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'bantam-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
    const workspace = openWorkspace(join(disk, 'w'))
    try {
      const big = new Uint8Array(4 << 20)
      await expect(workspace.store.putBytes(big)).rejects.toMatchObject({
        code: 'no-space',
        message: 'The disk that holds the workspace is full.',
        where: join(disk, 'w'),
      })
      expect(readdirSync(join(disk, 'w/tmp'))).toEqual([])
      expect(readdirSync(join(disk, 'w/files'))).toEqual([])
      // There is room again, so the workspace works on.
      expect(await workspace.store.putBytes(Buffer.from('small'))).toHaveLength(64)
    } finally {
      workspace.close()
      // Lazily: the driver lets go of the database's files when its statements are collected.
      execFileSync('umount', ['-l', disk])
      rmSync(disk, { recursive: true, force: true })
    }
  })
})

/** Another process that holds the lock of a folder. */
function holdLock(folder: string): Promise<ReturnType<typeof fork>> {
  const stat = "require('fs').readFileSync('/proc/self/stat','utf8')"
  const started =
    process.platform === 'linux' ? `${stat}.slice(${stat}.lastIndexOf(')')+2).split(' ')[19]` : "''"
  const script = join(mkdtempSync(join(tmpdir(), 'bantam-holder-')), 'hold.cjs')
  writeFileSync(
    script,
    `require('fs').writeFileSync(${JSON.stringify(join(folder, 'lock'))},
       JSON.stringify({ pid: process.pid, started: ${started}, nonce: 'theirs' }))
     process.send('held'); setInterval(() => {}, 1000)`,
  )
  const child = fork(script, { execArgv: [] })
  return new Promise(resolve => child.once('message', () => resolve(child)))
}

/** Mounting needs rights that a test run need not have; the wording is tested everywhere. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const probe = mkdtempSync(join(tmpdir(), 'bantam-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe])
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
}
