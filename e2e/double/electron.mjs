/** The module that stands for `electron` in the main process. */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { app } from './app.mjs'
import { ipcMain } from './ipc.mjs'
import { MessageChannelMain } from './ports.mjs'
import { protocol } from './protocol.mjs'
import { utilityProcess } from './utility.mjs'
import { BrowserWindow } from './window.mjs'

/** Dismissed unless a test replaces them. */
export const dialog = {
  showOpenDialog: async () => ({ canceled: true, filePaths: [] }),
  showSaveDialog: async () => ({ canceled: true, filePath: '' }),
  showMessageBox: async () => ({ response: 0 }),
  showErrorBox(title, text) {
    console.error(`${title}: ${text}`)
  },
}

export const shell = { openExternal: async () => {}, showItemInFolder() {} }

let menu = null
export const Menu = {
  buildFromTemplate: template => ({ items: template }),
  setApplicationMenu(next) {
    menu = next
  },
  getApplicationMenu: () => menu,
}

export const nativeTheme = Object.assign(new EventEmitter(), {
  shouldUseDarkColors: true,
  themeSource: 'system',
})

export const screen = {
  getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }],
}

export const session = {
  defaultSession: {
    webRequest: { onHeadersReceived() {} },
    setPermissionRequestHandler() {},
    setPermissionCheckHandler() {},
  },
}

export const net = {
  async fetch(url) {
    try {
      return new Response(readFileSync(fileURLToPath(url)))
    } catch {
      return new Response('', { status: 404 })
    }
  },
}

export { app, BrowserWindow, ipcMain, MessageChannelMain, protocol, utilityProcess }
export default {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  nativeTheme,
  net,
  protocol,
  screen,
  session,
  shell,
  utilityProcess,
}
