/**
 * A folder of pictures. With subfolders, each subfolder of the top is a class and holds its pictures at any depth;
 * without, the pictures have no labels. Classes are in code-unit order of their names, as in torchvision and Keras, or in
 * the order of `classes.txt` (one name per line) at the top of the folder.
 *
 * Symbolic links are followed when they end inside the folder, and otherwise left out: a folder someone was sent must
 * not be able to show files from elsewhere.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { readPixels, readPng } from './decode'
import type { RawPictures } from './raw'

const PICTURE = /\.(jpe?g|png|webp)$/i
const HIDDEN = /^(\.|__MACOSX$|Thumbs\.db$|desktop\.ini$)/i
const SPLIT_NAMES = new Set(['train', 'training', 'val', 'valid', 'validation', 'test', 'testing'])

interface Found {
  files: string[]
  ignored: number
  links: number
}

/** Lists a folder of pictures; decodes none. Throws `bad-data` for an empty one, splits, or classes not in classes.txt. */
export async function openImages(folder: string): Promise<RawPictures> {
  const root = realpathSync(folder)
  const top = await readdir(folder, { withFileTypes: true })
  const folders: string[] = []
  for (const entry of top) {
    if (HIDDEN.test(entry.name)) continue
    if (
      entry.isDirectory() ||
      (entry.isSymbolicLink() && (await isFolderInside(root, join(folder, entry.name))))
    ) {
      folders.push(entry.name)
    }
  }
  folders.sort(byCodeUnit)
  await refuseSplits(folder, folders)
  const found: Found = { files: [], ignored: 0, links: 0 }
  const classes = classNames(folder, folders)
  const labels: number[] = []
  const seen = new Set<string>([root])
  for (const name of folders) {
    const before = found.files.length
    await collect(root, folder, name, seen, found)
    const index = classes.indexOf(name)
    for (let i = before; i < found.files.length; i++) labels.push(index)
  }
  if (folders.length === 0) await collect(root, folder, '', new Set(), found)
  else found.ignored += top.filter(e => e.isFile() && !HIDDEN.test(e.name) && e.name !== 'classes.txt').length
  if (found.files.length === 0) {
    throw new BantamError('bad-data', 'The folder holds no pictures (jpg, png, webp).', {
      where: folder,
      action: 'Choose a folder of class folders with pictures in them, or a folder of pictures.',
    })
  }
  const { files } = found
  return {
    kind: 'pictures',
    format: 'images',
    count: files.length,
    notes: notesOn(found, folders.length > 0 ? classes : [], labels),
    files: files.map(name => ({ name, path: join(folder, name) })),
    pictures: {
      name: row => files[row] ?? '',
      pixels: row => readPixels(join(folder, files[row] ?? ''), files[row] ?? ''),
      png: row => readPng(join(folder, files[row] ?? ''), files[row] ?? ''),
    },
    ...(folders.length > 0 ? { labels: { classes, values: Float64Array.from(labels) } } : {}),
    close() {},
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A folder of splits would otherwise pass as a folder of classes called train and test. */
async function refuseSplits(folder: string, folders: readonly string[]): Promise<void> {
  if (folders.length === 0 || !folders.every(name => SPLIT_NAMES.has(name.toLowerCase()))) return
  for (const name of folders) {
    const inside = await readdir(join(folder, name), { withFileTypes: true })
    if (!inside.some(e => e.isDirectory() && !HIDDEN.test(e.name))) return
  }
  throw new BantamError(
    'bad-data',
    `The folder holds splits (${folders.join(', ')}), each with class folders.`,
    {
      where: folder,
      action: `Choose one of them, for example ${join(folder, folders.at(-1) ?? '')}.`,
    },
  )
}

function classNames(folder: string, folders: readonly string[]): string[] {
  const file = join(folder, 'classes.txt')
  if (folders.length === 0 || !existsSync(file)) return [...folders]
  const names = readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
  const unknown = folders.find(name => !names.includes(name))
  if (unknown !== undefined) {
    throw new BantamError('bad-data', `The class folder ${unknown} is not in classes.txt.`, {
      where: file,
      action: 'Add a line with its name at the place the model has for it, or remove the folder.',
    })
  }
  return names
}

async function isFolderInside(root: string, path: string): Promise<boolean> {
  const target = resolvedInside(root, path)
  return target !== undefined && (await stat(target)).isDirectory()
}

/** Where a path really is, if that is inside the root and exists. */
function resolvedInside(root: string, path: string): string | undefined {
  try {
    const target = realpathSync(path)
    return target === root || target.startsWith(root + sep) ? target : undefined
  } catch {
    return undefined
  }
}

/** Adds the pictures under `folder/relative`, in code-unit order. `seen` holds real paths, against cycles of links. */
async function collect(
  root: string,
  folder: string,
  relative: string,
  seen: Set<string>,
  found: Found,
): Promise<void> {
  const real = realpathSync(join(folder, relative))
  if (seen.has(real)) return
  seen.add(real)
  const entries = await readdir(join(folder, relative), { withFileTypes: true })
  entries.sort((a, b) => byCodeUnit(a.name, b.name))
  for (const entry of entries) {
    if (HIDDEN.test(entry.name)) continue
    const path = relative ? `${relative}/${entry.name}` : entry.name
    if (entry.isSymbolicLink() && !resolvedInside(root, join(folder, path))) {
      found.links++
    } else if (
      entry.isDirectory() ||
      (entry.isSymbolicLink() && (await isFolderInside(root, join(folder, path))))
    ) {
      await collect(root, folder, path, seen, found)
    } else if (PICTURE.test(entry.name)) {
      found.files.push(path)
    } else {
      found.ignored++
    }
  }
}

function notesOn(found: Found, classes: readonly string[], labels: readonly number[]): Note[] {
  const notes: Note[] = []
  const say = (code: string, message: string, action?: string) =>
    notes.push({ code, severity: 'warning', message, ...(action ? { action } : {}) })
  if (found.ignored > 0) say('files-ignored', `${files(found.ignored)} left out: not jpg, png or webp.`)
  if (found.links > 0)
    say('links-ignored', `${files(found.links)} left out: a link that ends outside the folder.`)
  const used = new Set(labels)
  const empty = classes.filter((_, i) => !used.has(i))
  if (empty.length > 0)
    say('empty-classes', `No pictures of ${empty.slice(0, 5).join(', ')}${empty.length > 5 ? ', …' : ''}.`)
  const numeric = classes.length > 1 && classes.every(name => /^\d+$/.test(name))
  if (numeric && classes.some((name, i) => i > 0 && Number(name) < Number(classes[i - 1]))) {
    say(
      'class-order',
      `Class folders are ordered as text: ${classes.slice(0, 4).join(', ')}, …`,
      'If the model counts them as numbers, list them in that order in classes.txt.',
    )
  }
  return notes
}

function files(count: number): string {
  return count === 1 ? '1 file was' : `${count} files were`
}
