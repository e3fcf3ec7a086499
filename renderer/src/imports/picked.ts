/** Files and folders a person dropped or chose in the page, before they are granted. */

export interface PickedFile {
  file: File
  /** Name with the folders it lies in, '/' between them: `digits/3/17.png`. */
  path: string
}

const MODEL = /\.(onnx|ort)$/i
const TOKENIZER = /(^|\/)tokenizer\.json$/i

/** A model if one of the files is one (others then are its external data), else data. */
export function kindOfPicked(picked: readonly { path: string }[]): 'model' | 'data' {
  // A folder of samples may hold a model somewhere below; only one at the top, or beside others, counts.
  return picked.some(p => MODEL.test(p.path) && p.path.split('/').length <= 2) ? 'model' : 'data'
}

/** The file that stands for all: the model, else the first that is no tokenizer lying beside the data. */
export function mainPicked(picked: readonly PickedFile[]): PickedFile | undefined {
  return picked.find(p => MODEL.test(p.path)) ?? picked.find(p => !TOKENIZER.test(p.path)) ?? picked[0]
}

/** What was picked, in a few words. */
export function pickedTitle(picked: readonly PickedFile[]): string {
  const main = mainPicked(picked)
  if (!main) return ''
  const top = main.path.split('/')[0] ?? main.path
  const others = picked.length - 1
  if (main.path.includes('/')) return `${top} (${picked.length} files)`
  return others > 0 ? `${main.file.name} and ${others} more` : main.file.name
}

/** Files of an <input>, with their folders when a folder was chosen. */
export function fromInput(files: FileList | null): PickedFile[] {
  return [...(files ?? [])].map(file => ({ file, path: file.webkitRelativePath || file.name }))
}

/**
 * Everything dropped, folders walked through. Must be called within the drop event: its items are gone after.
 */
export async function fromDrop(data: DataTransfer): Promise<PickedFile[]> {
  // Electron reads dropped folders itself, by their path.
  if (window.desktop) return [...data.files].map(file => ({ file, path: file.name }))
  const entries = [...data.items].flatMap(item => item.webkitGetAsEntry?.() ?? [])
  if (entries.length === 0) return [...data.files].map(file => ({ file, path: file.name }))
  const picked: PickedFile[] = []
  for (const entry of entries) await walk(entry, '', picked)
  return picked
}

async function walk(entry: FileSystemEntry, folder: string, into: PickedFile[]): Promise<void> {
  const path = folder ? `${folder}/${entry.name}` : entry.name
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
    if (!entry.name.startsWith('.')) into.push({ file, path })
  } else if (isFolder(entry)) {
    const reader = entry.createReader()
    // A reader gives at most a hundred entries at a time, and an empty list at the end.
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
        reader.readEntries(resolve, reject),
      )
      if (some.length === 0) return
      for (const child of some) await walk(child, path, into)
    }
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory
}
