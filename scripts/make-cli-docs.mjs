// Writes the reference part of docs/CLI.md from the commands and the techniques' schemas: `node scripts/make-cli-docs.mjs`.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const file = join(root, 'docs/CLI.md')
const START = '<!-- reference: made by scripts/make-cli-docs.mjs -->\n'
const END = '<!-- end of reference -->'

const server = await createServer({
  configFile: false,
  root,
  logLevel: 'error',
  appType: 'custom',
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
})
try {
  const { commandReference } = await server.ssrLoadModule('/app/cli/docs.ts')
  const text = readFileSync(file, 'utf8')
  const [start, end] = [text.indexOf(START), text.indexOf(END)]
  if (start < 0 || end < start) throw new Error(`${file} has lost its reference marks.`)
  writeFileSync(file, `${text.slice(0, start)}${START}\n${await commandReference()}\n\n${text.slice(end)}`)
} finally {
  await server.close()
}
