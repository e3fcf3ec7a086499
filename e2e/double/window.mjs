/** `BrowserWindow`: a page of the Chromium that `run.mjs` started. */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { app } from './app.mjs'
import { encode } from './codec.mjs'
import { WebContents } from './contents.mjs'
import { isolatedWorldScript } from './page-isolated.mjs'
import { mainWorldScript } from './page-main.mjs'
import { toAppUrl, toPageUrl } from './protocol.mjs'

const BINDING = '__toMain'
const WORLD = 'electron-isolated'
const windows = new Set()
const owned = new WeakSet()

/** Files whose paths `webUtils.getPathForFile` knows, by name; set by tests. */
const paths = new Map()

export async function namePaths(entries) {
  for (const [name, path] of entries) paths.set(name, path)
  await Promise.all([...windows].map(window => window.toPage({ type: 'paths', paths: [...paths] })))
}

export class BrowserWindow extends EventEmitter {
  static getAllWindows() {
    return [...windows]
  }

  static fromWebContents(contents) {
    return contents.window
  }

  static getFocusedWindow() {
    return [...windows][0] ?? null
  }

  #destroyed = false
  #visible = false
  #maximized = false
  /** Where the main process is taking the page. */
  #destination
  #session
  #world

  constructor(options = {}) {
    super()
    this.options = options
    this.webContents = new WebContents(this)
    this.id = this.webContents.id
    windows.add(this)
    this.ready = this.#open()
  }

  async #open() {
    const { context } = globalThis.__double
    const free = context.pages().find(page => page.url() === 'about:blank' && !owned.has(page))
    this.page = free ?? (await context.newPage())
    owned.add(this.page)
    await this.page.setViewportSize(this.#size())
    this.#session = await context.newCDPSession(this.page)
    await this.#session.send('Page.enable')
    await this.#session.send('Runtime.enable')
    await this.#installWorlds()
    await this.#watch(context)
  }

  async #installWorlds() {
    const { frameTree } = await this.#session.send('Page.getFrameTree')
    this.#session.on('Runtime.executionContextCreated', ({ context }) => {
      if (context.name === WORLD && context.auxData?.frameId === frameTree.frame.id)
        this.#world = context.uniqueId
    })
    this.#session.on('Runtime.bindingCalled', event => {
      if (event.name === BINDING) this.webContents.receive(event.payload)
    })
    await this.#session.send('Page.addScriptToEvaluateOnNewDocument', { source: mainWorldScript })
    const { preload } = this.options.webPreferences ?? {}
    if (!preload) return
    await this.#session.send('Runtime.addBinding', { name: BINDING, executionContextName: WORLD })
    await this.#session.send('Page.addScriptToEvaluateOnNewDocument', {
      source: isolatedWorldScript(readFileSync(preload, 'utf8'), BINDING),
      worldName: WORLD,
    })
  }

  async #watch(context) {
    const { page, webContents } = this
    page.on('close', () => this.#gone())
    page.on('domcontentloaded', () => webContents.emit('dom-ready'))
    page.once('load', () => this.emit('ready-to-show'))
    page.on('load', () => {
      webContents.emit('did-finish-load')
      void this.toPage({ type: 'paths', paths: [...paths] })
    })
    context.on('page', async opened => {
      if ((await opened.opener()) !== page) return
      const verdict = webContents.openHandler?.({ url: opened.url() })
      if (verdict?.action !== 'allow') await opened.close()
    })
    await page.route('**/*', route => this.#navigate(route))
  }

  /** What the page itself starts can be refused in `will-navigate`; what the main process loads cannot. */
  async #navigate(route) {
    const request = route.request()
    const isPage = request.isNavigationRequest() && request.frame() === this.page.mainFrame()
    if (isPage && request.url() !== this.#destination) {
      let prevented = false
      const event = { preventDefault: () => (prevented = true) }
      this.webContents.emit('will-navigate', event, toAppUrl(request.url()))
      if (prevented) return route.abort('aborted')
    }
    return route.fallback()
  }

  #gone() {
    if (this.#destroyed) return
    this.#destroyed = true
    windows.delete(this)
    this.emit('closed')
    if (windows.size === 0) app.emit('window-all-closed')
  }

  /** A message to the preload. */
  async toPage(message) {
    await this.ready
    if (this.#destroyed || !this.#world) return
    const expression = `__fromMain(${JSON.stringify(encode(message))})`
    // A page that is being left or closed cannot be told anything.
    await this.#session.send('Runtime.evaluate', { expression, uniqueContextId: this.#world }).catch(() => {})
  }

  async loadURL(url) {
    await this.ready
    this.#destination = toPageUrl(url)
    try {
      await this.page.goto(this.#destination)
    } finally {
      this.#destination = undefined
    }
  }

  async loadFile(file) {
    await this.loadURL(pathToFileURL(resolve(file)).href)
  }

  close() {
    let prevented = false
    this.emit('close', { preventDefault: () => (prevented = true) })
    if (!prevented) this.destroy()
  }

  destroy() {
    void this.ready.then(() => this.page.close())
  }

  #size() {
    return { width: this.options.width ?? 800, height: this.options.height ?? 600 }
  }

  getBounds() {
    return { x: 0, y: 0, ...this.#size() }
  }

  getNormalBounds() {
    return this.getBounds()
  }

  show() {
    this.#visible = true
  }

  hide() {
    this.#visible = false
  }

  isVisible() {
    return this.#visible
  }

  maximize() {
    this.#maximized = true
  }

  isMaximized() {
    return this.#maximized
  }

  isMinimized() {
    return false
  }

  isDestroyed() {
    return this.#destroyed
  }

  restore() {}
  focus() {}
  setTitle() {}
  setMenuBarVisibility() {}
}
