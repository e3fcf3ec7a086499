/** Turning bytes, stored files and models into artifacts a person can save. */
import { readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Artifact } from '../../shared/contract'
import { writeZip, type ZipEntry } from '../jobs/zip'
import { addArtifact } from '../workspace/artifacts'
import { diskError, fileSize } from '../workspace/store'
import type { Workspace } from '../workspace/workspace'

export async function bytesArtifact(
  workspace: Workspace,
  { name, mime, bytes }: { name: string; mime: string; bytes: Uint8Array },
): Promise<Artifact> {
  const path = workspace.store.relativePath(await workspace.store.putBytes(bytes))
  return addArtifact(workspace, { job: null, name, mime, bytes: bytes.length, path })
}

/** The model's file as it lies in the store; with external data, a zip of the model, its data and the evidence. */
export async function modelArtifact(
  workspace: Workspace,
  hash: string,
  name: string,
  evidence: Uint8Array | null,
): Promise<Artifact> {
  const { store } = workspace
  const folder = store.modelFolder(hash)
  const files = filesUnder(folder)
  if (files.length === 1) {
    const path = join(store.relativeModelFolder(hash), 'model.onnx')
    const bytes = fileSize(store.modelPath(hash))
    return addArtifact(workspace, {
      job: null,
      name: `${name}.onnx`,
      mime: 'application/octet-stream',
      bytes,
      path,
    })
  }
  const entries: ZipEntry[] = files.map(file => ({
    name: `${name}/${relative(folder, file).split(sep).join('/')}`.replace(/\/model\.onnx$/, `/${name}.onnx`),
    content: file,
  }))
  if (evidence) entries.push({ name: `${name}/${name}.onnx.bantam.json`, content: evidence })
  return zipArtifact(workspace, `${name}.zip`, entries)
}

/** The archive lies under `tmp/` for this session: it holds nothing that is not in the store already. */
async function zipArtifact(workspace: Workspace, name: string, entries: ZipEntry[]): Promise<Artifact> {
  const id = crypto.randomUUID()
  const path = join('tmp', `${id}.zip`)
  const full = join(workspace.folder, path)
  try {
    const bytes = await writeZip(`${full}.part`, entries)
    await rename(`${full}.part`, full)
    return addArtifact(workspace, { job: null, name, mime: 'application/zip', bytes, path })
  } catch (error) {
    throw diskError(error, workspace.folder)
  } finally {
    await rm(`${full}.part`, { force: true })
  }
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}
