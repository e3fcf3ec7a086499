/** What the page may ask of the desktop: open and save dialogs, and grants for dropped files. */
import { copyFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BrowserWindow, dialog, type IpcMainInvokeEvent, ipcMain, type OpenDialogOptions } from 'electron'
import { z } from 'zod'
import type { Workbench } from '../../main/api/workbench'
import { readArtifact } from '../../main/workspace/artifacts'
import type { FileGrant } from '../../shared/contract'
import { requireOwnPage } from './origin'

const OPEN: Record<'model' | 'data' | 'folder', OpenDialogOptions> = {
  model: {
    title: 'Open a model',
    properties: ['openFile'],
    filters: [
      { name: 'ONNX models', extensions: ['onnx', 'ort'] },
      { name: 'All files', extensions: ['*'] },
    ],
  },
  data: {
    title: 'Open data',
    properties: ['openFile'],
    filters: [
      { name: 'Data', extensions: ['npz', 'npy', 'csv', 'jsonl', 'txt', 'parquet', 'idx', 'gz', '*'] },
      { name: 'All files', extensions: ['*'] },
    ],
  },
  folder: { title: 'Open a folder of data', properties: ['openDirectory'] },
}

export function handleDialogs(workbench: Workbench): void {
  handle('desktop:open', z.enum(['model', 'data', 'folder']), async (event, what) => {
    const window = BrowserWindow.fromWebContents(event.sender)
    const options = OPEN[what]
    const { canceled, filePaths } = window
      ? await dialog.showOpenDialog(window, options)
      : await dialog.showOpenDialog(options)
    const [path] = filePaths
    return canceled || !path ? null : workbench.grants.add(path)
  })
  // Paths come from the preload's `webUtils`, which reads them off files the person really dropped.
  handle(
    'desktop:drop',
    z.array(z.string().min(1)).max(64),
    async (_event, paths): Promise<FileGrant[]> => paths.map(path => workbench.grants.add(path)),
  )
  handle('desktop:save', z.string(), (event, id) => save(event, workbench, id))
}

/** Only the id is taken from the page; name and file are the workspace's own. */
async function save(event: IpcMainInvokeEvent, workbench: Workbench, id: string): Promise<string | null> {
  const { artifact, path } = readArtifact(workbench.workspace, id)
  const window = BrowserWindow.fromWebContents(event.sender)
  const options = { title: 'Save', defaultPath: artifact.name }
  const { canceled, filePath } = window
    ? await dialog.showSaveDialog(window, options)
    : await dialog.showSaveDialog(options)
  if (canceled || !filePath) return null
  // Written beside its place and then renamed: a full disk leaves what was there before.
  const draft = join(dirname(filePath), `.${basename(filePath)}.${crypto.randomUUID()}.part`)
  try {
    await copyFile(path, draft)
    await rename(draft, filePath)
  } finally {
    await rm(draft, { force: true })
  }
  return basename(filePath)
}

/** A handler whose sender and argument are checked. */
function handle<T>(
  channel: string,
  schema: z.ZodType<T>,
  answer: (event: IpcMainInvokeEvent, argument: T) => Promise<unknown>,
): void {
  ipcMain.handle(channel, async (event, argument: unknown) => {
    requireOwnPage(event)
    return answer(event, schema.parse(argument))
  })
}
