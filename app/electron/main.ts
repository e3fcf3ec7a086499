/** The desktop app: one instance, one window, the workbench in this process and its work in others. */
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RPCHandler } from '@orpc/server/message-port'
import { app, BrowserWindow, dialog, ipcMain } from 'electron'
import { openWorkbench, type Workbench } from '../../main/api/workbench'
import { workspaceFolder } from '../../main/workspace/folder'
import type { DesktopMessage } from '../../shared/desktop'
import { errorLine, toErrorData } from '../../shared/errors'
import { handleDialogs } from './dialogs'
import { setMenu } from './menu'
import { isOwnPage } from './origin'
import { registerScheme, serveApp } from './protocol'
import { utilityHost } from './utility-host'
import { createWindow, denyPermissions } from './window'

let workbench: Workbench | undefined
/** Models the system asked us to open before there was a page to show them. */
const toOpen: string[] = modelsIn(process.argv)

registerScheme()
if (!app.requestSingleInstanceLock()) app.exit(0)
else start()

function start(): void {
  app.on('second-instance', (_event, argv, folder) => {
    const [window] = BrowserWindow.getAllWindows()
    if (window?.isMinimized()) window.restore()
    window?.focus()
    for (const path of modelsIn(argv, folder)) openFile(path)
  })
  app.on('open-file', (event, path) => {
    event.preventDefault()
    openFile(path)
  })
  app.on('window-all-closed', () => app.quit())
  app.on('web-contents-created', (_event, contents) =>
    contents.on('will-attach-webview', e => e.preventDefault()),
  )
  closeBeforeQuit()
  app
    .whenReady()
    .then(open)
    .catch(error => {
      dialog.showErrorBox('Bantam could not start', errorLine(toErrorData(error)))
      app.exit(1)
    })
}

async function open(): Promise<void> {
  workbench = openWorkbench({
    folder: workspaceFolder(argument('--workspace')),
    host: utilityHost,
    shell: 'electron',
    sample: !process.argv.includes('--no-sample'),
  })
  const bench = workbench
  serveApp(join(dirname(fileURLToPath(import.meta.url)), '../renderer'), bench)
  denyPermissions()
  handleDialogs(bench)
  const rpc = new RPCHandler(bench.router)
  ipcMain.on('rpc:connect', event => {
    const [port] = event.ports
    if (!port || !isOwnPage(event)) return
    rpc.upgrade(port)
    port.start()
    for (const path of toOpen.splice(0)) openFile(path) // the page listens by now
  })
  setMenu(tell)
  createWindow()
}

/** Grants the file and tells the page; waits when there is no page yet. */
function openFile(path: string): void {
  if (!workbench || BrowserWindow.getAllWindows().length === 0) {
    toOpen.push(path)
    return
  }
  try {
    tell({ type: 'desktop:open', grant: workbench.grants.add(path) })
  } catch (error) {
    dialog.showErrorBox('The file could not be opened', errorLine(toErrorData(error)))
  }
}

function tell(message: DesktopMessage): void {
  for (const window of BrowserWindow.getAllWindows()) window.webContents.send('desktop:message', message)
}

/** Child processes are ended and the workspace is closed before the app goes. */
function closeBeforeQuit(): void {
  let closed = false
  app.on('will-quit', event => {
    if (closed || !workbench) return
    event.preventDefault()
    workbench
      .close()
      .catch(error => console.error(error))
      .finally(() => {
        closed = true
        app.quit()
      })
  })
}

function argument(name: string): string | undefined {
  const given = process.argv.find(arg => arg.startsWith(`${name}=`))
  if (given) return given.slice(name.length + 1)
  const index = process.argv.indexOf(name)
  return index > 0 ? process.argv[index + 1] : undefined
}

/** Model files among a command line's arguments. */
function modelsIn(argv: readonly string[], folder = process.cwd()): string[] {
  return argv
    .filter(arg => !arg.startsWith('-') && extname(arg).toLowerCase() === '.onnx')
    .map(arg => resolve(folder, arg))
}
