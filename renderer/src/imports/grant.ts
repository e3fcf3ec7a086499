/** From files in the page to grants the engine can read: native in Electron, uploads in a browser. */
import { FileGrant, routes } from '../../../shared/contract'
import { BantamError, ErrorData, fromErrorData } from '../../../shared/errors'
import { mainPicked, type PickedFile } from './picked'

/** Uploads that run at once. */
const PARALLEL = 4

/**
 * Grants what was picked, as one thing: the model (its external data beside it), the folder, or the file. `progress`
 * hears the share sent, 0…1. Throws what the engine or the network refuses; aborting throws `cancelled`.
 */
export async function grantPicked(
  picked: readonly PickedFile[],
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<FileGrant> {
  const main = mainPicked(picked)
  if (!main) throw new BantamError('bad-file', 'Nothing was dropped.', { action: 'Choose a file.' })
  if (window.desktop) {
    const grants = await window.desktop.drop(picked.map(p => p.file))
    const grant = grants.find(g => g.name === main.file.name) ?? grants[0]
    if (!grant) throw new BantamError('bad-file', 'The file cannot be read.', { where: main.path })
    return grant
  }
  return uploadAll(picked, main, progress, signal)
}

async function uploadAll(
  picked: readonly PickedFile[],
  main: PickedFile,
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<FileGrant> {
  const group = crypto.randomUUID()
  const total = picked.reduce((sum, p) => sum + p.file.size, 0) || 1
  const sent = new Map<PickedFile, number>()
  const waiting = [...picked]
  let answer: FileGrant | undefined
  async function work() {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const one = next
      const grant = await upload(one, group, signal, bytes => {
        sent.set(one, bytes)
        progress([...sent.values()].reduce((a, b) => a + b, 0) / total)
      })
      // Files of a folder answer with the folder; a model answers for itself, not for its external data.
      if (one === main || answer === undefined) answer = grant
    }
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, picked.length) }, work))
  if (signal.aborted || !answer) throw new BantamError('cancelled', 'The upload was cancelled.')
  return answer
}

function upload(
  { file, path }: PickedFile,
  group: string,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<FileGrant> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = () => request.abort()
    signal.addEventListener('abort', stop, { once: true })
    request.upload.addEventListener('progress', event => progress(event.loaded))
    request.addEventListener('loadend', () => signal.removeEventListener('abort', stop))
    request.addEventListener('abort', () => reject(new BantamError('cancelled', 'The upload was cancelled.')))
    request.addEventListener('error', () => reject(uploadFailed(path)))
    request.addEventListener('load', () => {
      const body = parsed(request.responseText)
      const grant = FileGrant.safeParse(body)
      if (request.status === 200 && grant.success) {
        progress(file.size)
        return resolve(grant.data)
      }
      const refused = ErrorData.safeParse(body)
      reject(refused.success ? fromErrorData(refused.data) : uploadFailed(path))
    })
    request.open('POST', routes.upload(path, group))
    request.send(file)
  })
}

function uploadFailed(path: string): BantamError {
  return new BantamError('bad-file', 'The file did not arrive at the engine.', {
    where: path,
    action: 'Check that Bantam still runs, then try again.',
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
