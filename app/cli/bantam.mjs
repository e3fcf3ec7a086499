#!/usr/bin/env node
// The `bantam` command. In a checkout, builds the project first when it was never built or a source is newer.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const cli = join(root, 'out/main/cli.js')

if (isStale()) build()
nodeModule.enableCompileCache?.()
await import(pathToFileURL(cli).href)

function isStale() {
  // An installed package has no sources: there is nothing to build from.
  if (!existsSync(join(root, 'app/cli/main.ts'))) return false
  const built = statSync(cli, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return built === 0 || ['app', 'main', 'shared'].some(folder => hasNewer(join(root, folder), built))
}

function hasNewer(folder, time) {
  return readdirSync(folder, { withFileTypes: true }).some(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return hasNewer(path, time)
    return /(?<!\.test)\.ts$/.test(entry.name) && statSync(path).mtimeMs > time
  })
}

function build() {
  const tool = join(root, 'node_modules/electron-vite/bin/electron-vite.js')
  if (!existsSync(tool)) {
    console.error('Bantam is not built yet. Run `npm ci` in its folder, then try again.')
    process.exit(1)
  }
  console.error('Building Bantam (once after a change)…')
  // The build talks on stdout; that belongs to the command's result.
  const { status, stderr, stdout } = spawnSync(process.execPath, [tool, 'build', '--logLevel', 'error'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  if (status === 0) return
  console.error(`${stdout}${stderr}`.trim())
  console.error('The build failed; see above.')
  process.exit(1)
}
