/**
 * Files a person chose, by id. The screen never names a path: dialogs, drops, uploads and (host only) typed paths
 * make a grant, and only what was granted is read.
 */
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { FileGrant } from '../../shared/contract'
import type { DatasetSpec } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

interface Granted {
  grant: FileGrant
  path: string
}

export class Grants {
  private readonly byId = new Map<string, Granted>()

  /** Grants a file or folder. Throws `not-found` or `bad-file` when it is not there or cannot be looked at. */
  add(chosen: string): FileGrant {
    const path = resolve(chosen)
    const about = statSync(path, { throwIfNoEntry: false })
    if (!about) {
      throw new BantamError('not-found', 'There is no such file or folder.', {
        where: path,
        action: 'Check the path.',
      })
    }
    if (!about.isFile() && !about.isDirectory()) {
      throw new BantamError('bad-file', 'This is neither a file nor a folder.', { where: path })
    }
    const known = [...this.byId.values()].find(granted => granted.path === path)
    const id = known?.grant.id ?? crypto.randomUUID()
    const isDirectory = about.isDirectory()
    const grant = { id, name: basename(path) || path, isDirectory, bytes: isDirectory ? 0 : about.size }
    this.byId.set(id, { grant, path })
    return grant
  }

  has(id: string): boolean {
    return this.byId.has(id)
  }

  /** Path of a granted file or folder. Throws `not-found`. */
  path(id: string): string {
    const granted = this.byId.get(id)
    if (granted) return granted.path
    throw new BantamError('not-found', 'This file was not chosen in this session.', {
      action: 'Choose the file again.',
    })
  }

  /** What a dataset is read from: a grant, or the id of a shipped sample (`sample:digits`). */
  source(id: string): string {
    return /^sample:[a-z0-9-]+$/.test(id) ? id : this.path(id)
  }
}

/**
 * The source of a dataset from a grant and the specification a screen sent: of the latter's own source only the range
 * of samples (`#0:2000`) counts, for the rest is a path.
 */
export function grantedSource(grants: Grants, file: string, wanted: string): string {
  const range = /#\d*:\d*$/.exec(wanted)?.[0] ?? ''
  return grants.source(file) + range
}

/**
 * A specification a screen sent, with paths in place of grants. A tokenizer is a grant, or the name of a file beside the
 * data; of anything else only the file name counts.
 */
export function grantedSpec(grants: Grants, file: string, spec: DatasetSpec): DatasetSpec {
  const source = grantedSource(grants, file, spec.source)
  const { preprocessing } = spec
  if (preprocessing?.kind !== 'text') return { ...spec, source }
  const { tokenizer } = preprocessing
  const place = grants.has(tokenizer) ? grants.path(tokenizer) : basename(tokenizer)
  return { ...spec, source, preprocessing: { ...preprocessing, tokenizer: place } }
}
