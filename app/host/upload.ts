/**
 * Files a person drops on the page: streamed into `uploads/` of the workspace, one random folder per group, so that a
 * model and its external data lie side by side. What no dataset or job needs is deleted at the next start.
 */
import { createWriteStream, existsSync, statfsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Grants } from '../../main/api/grants'
import type { FileGrant } from '../../shared/contract'
import { BantamError } from '../../shared/errors'

/** Left free for the database and the system. */
const RESERVE_BYTES = 64 * 1024 * 1024
const MAX_SEGMENTS = 16

export class Uploads {
  private readonly folders = new Map<string, string>()

  /** @param folder the workspace's folder */
  constructor(
    private readonly folder: string,
    private readonly grants: Grants,
  ) {}

  /**
   * Stores the body of a request. A name with folders (`digits/3/17.png`) grants the topmost folder, else the file.
   * Throws `bad-option` for a name that leads elsewhere, `no-space` when it does not fit; nothing is left then.
   */
  async receive(request: IncomingMessage, name: string, group: string): Promise<FileGrant> {
    const segments = safeSegments(name)
    const base = this.groupFolder(group)
    this.checkSpace(Number(request.headers['content-length'] ?? 0))
    const target = join(base, ...segments)
    const draft = `${target}.${crypto.randomUUID()}.part`
    await mkdir(dirname(target), { recursive: true })
    try {
      await pipeline(request, createWriteStream(draft, { flags: 'wx' }))
      await rename(draft, target)
    } finally {
      await rm(draft, { force: true })
    }
    return this.grants.add(join(base, segments[0] ?? ''))
  }

  private groupFolder(group: string): string {
    if (group.length > 200)
      throw new BantamError('bad-option', 'The group’s name is too long.', { where: 'group' })
    const known = this.folders.get(group)
    const folder = known ?? join(this.folder, 'uploads', crypto.randomUUID())
    this.folders.set(group, folder)
    return folder
  }

  private checkSpace(bytes: number): void {
    const { bavail, bsize } = statfsSync(existsSync(this.folder) ? this.folder : dirname(this.folder))
    if (bytes + RESERVE_BYTES <= bavail * bsize) return
    throw new BantamError('no-space', 'There is not enough free disk space for this file.', {
      where: this.folder,
      action: 'Free some space, or choose a workspace on another disk.',
    })
  }
}

/**
 * Folders and file name, safe on every system. Throws `bad-option` for absolute names, `.` and `..`, empty parts and
 * control characters; characters and names that Windows refuses are replaced.
 */
export function safeSegments(name: string): string[] {
  const segments = name.split(/[/\\]/)
  if (segments.length > MAX_SEGMENTS) throw refused(name)
  return segments.map(segment => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    if (segment === '' || segment === '.' || segment === '..' || /[\u0000-\u001f\u007f]/.test(segment)) {
      throw refused(name)
    }
    if (Buffer.byteLength(segment) > 200) throw refused(name)
    const plain = segment.replace(/[<>:"|?*]/g, '_').replace(/[. ]+$/, '_')
    return /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i.test(plain) ? `_${plain}` : plain
  })
}

function refused(name: string): BantamError {
  return new BantamError('bad-option', 'This file name cannot be used.', {
    where: JSON.stringify(name.slice(0, 100)),
    action: 'Rename the file.',
  })
}
