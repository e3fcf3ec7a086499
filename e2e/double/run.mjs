// node e2e/double/run.mjs MAIN_BUNDLE [ARGUMENT…]: runs a main bundle under the double. The parent talks over IPC.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { register } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const profile = mkdtempSync(join(tmpdir(), 'double-profile-'))
process.on('exit', () => rmSync(profile, { recursive: true, force: true }))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  viewport: null,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--remote-debugging-port=0',
    '--disable-background-networking',
    '--no-first-run',
  ],
})
globalThis.__double = { context }
register('./hooks.mjs', import.meta.url)
const electron = await import('./electron.mjs')
const { namePaths } = await import('./window.mjs')

process.on('message', async message => {
  try {
    if (message.type === 'paths') process.send({ id: message.id, value: await namePaths(message.paths) })
    if (message.type === 'evaluate') {
      // The function comes from the spec, as with Playwright's own `electronApp.evaluate`.
      const run = new Function(`return (${message.source})`)()
      process.send({ id: message.id, value: await run({ ...electron }, message.argument) })
    }
  } catch (error) {
    process.send({ id: message.id, error: String(error?.message ?? error) })
  }
})
process.on('disconnect', () => electron.app.quit())

const main = resolve(process.argv[2])
process.argv.splice(1, 2, main)
await import(pathToFileURL(main).href)
const port = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0]
process.send?.({ type: 'ready', endpoint: `http://127.0.0.1:${port}` })
