/** The one window: sandboxed, and unable to go anywhere or open anything. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BrowserWindow, nativeTheme, session, shell } from 'electron'
import { isOwnUrl, ORIGIN } from './origin'
import { rememberWindow, windowBounds } from './window-state'

const here = dirname(fileURLToPath(import.meta.url))

export function createWindow(): BrowserWindow {
  const window = new BrowserWindow({
    ...windowBounds(),
    minWidth: 900,
    minHeight: 600,
    show: false,
    title: 'Bantam',
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0d0f13' : '#f4f5f7',
    webPreferences: {
      preload: join(here, '../preload/index.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  })
  rememberWindow(window)
  confine(window)
  window.once('ready-to-show', () => window.show())
  window.loadURL(`${ORIGIN}/index.html`).catch(error => {
    // A window that is closed while it loads needs no page.
    if (!window.isDestroyed()) console.error('The screen could not be loaded:', error)
  })
  return window
}

/** Navigation, new windows and embedded pages are refused; web links open in the person's browser. */
function confine({ webContents }: BrowserWindow): void {
  webContents.setWindowOpenHandler(({ url }) => {
    if (/^https:\/\//.test(url)) void shell.openExternal(url)
    return { action: 'deny' }
  })
  webContents.on('will-navigate', (event, url) => {
    if (!isOwnUrl(url)) event.preventDefault()
  })
  webContents.on('will-attach-webview', event => event.preventDefault())
}

/** The page asks for no camera, no place, no notifications: everything is denied. */
export function denyPermissions(): void {
  session.defaultSession.setPermissionRequestHandler((_contents, permission, answer) =>
    // Copying a table or a recipe needs a click in our own page, nothing more.
    answer(permission === 'clipboard-sanitized-write'),
  )
  session.defaultSession.setPermissionCheckHandler(
    (_contents, permission) => permission === 'clipboard-sanitized-write',
  )
}
