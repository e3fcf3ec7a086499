/**
 * From a path to its reader, by kind and name, or by content for files without a telling name. Readers that bring
 * libraries along are loaded when they are needed.
 */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BantamError } from '../../shared/errors'
import { looksLikeIdx, openIdx } from './idx'
import { fileHead, openNpy, openNpz } from './npz'
import type { RawData } from './raw'

const KINDS = 'a folder of pictures, .npz, .npy, IDX (MNIST), .csv, .tsv, .jsonl, .txt or .parquet'

/**
 * Opens what lies at `path`. `labels` is the specification's, for formats that keep labels in a file of their own.
 * Throws `not-found`, `unsupported` for other kinds of files, and what the readers throw.
 */
export async function openRaw(path: string, labels?: string | null): Promise<RawData> {
  const status = statSync(path, { throwIfNoEntry: false })
  if (!status) {
    throw new BantamError('not-found', 'There is no such file or folder.', {
      where: path,
      action: 'Check the path.',
    })
  }
  if (status.isDirectory()) return (await import('./images')).openImages(path)
  if (status.size === 0) throw new BantamError('bad-file', 'The file is empty.', { where: path })
  switch (/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase()) {
    case 'npz':
      return openNpz(path)
    case 'npy':
      return openNpy(path, npyLabels(path, labels))
    case 'csv':
    case 'tsv':
      return (await import('./csv')).openCsv(path)
    case 'jsonl':
    case 'ndjson':
      return (await import('./jsonl')).openJsonl(path)
    case 'txt':
      return (await import('./txt')).openTxt(path)
    case 'parquet':
      return (await import('./parquet')).openParquet(path)
  }
  const head = fileHead(path, 8)
  const gzip = head[0] === 0x1f && head[1] === 0x8b
  if (looksLikeIdx(head) || gzip || /ubyte|\.idx/i.test(basename(path))) return openIdx(path, labels)
  throw new BantamError('unsupported', 'The file is of no kind that is read as data.', {
    where: path,
    action: `Choose ${KINDS}.`,
  })
}

/** Labels of NAME.npy lie beside it: the named file, or NAME_labels.npy or NAME-labels.npy. */
function npyLabels(path: string, labels: string | null | undefined): string | undefined {
  if (labels === null) return undefined
  const folder = dirname(path)
  if (labels === undefined) {
    const stem = basename(path).replace(/\.npy$/i, '')
    return [`${stem}_labels.npy`, `${stem}-labels.npy`].map(n => join(folder, n)).find(f => existsSync(f))
  }
  const name = basename(labels)
  const file = [name, `${name}.npy`].map(n => join(folder, n)).find(f => existsSync(f))
  if (file) return file
  throw new BantamError('not-found', `There is no label file ${name} beside the array.`, { where: path })
}
