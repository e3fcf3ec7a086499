// What `npm start` and `npm test` do first: install what is missing, build what is stale. Node built-ins only.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs a command in the project's folder with its output shown; returns whether it succeeded. */
export function run(command, args, options = {}) {
  const { env, ...rest } = options
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32' && command === 'npm',
    ...rest,
  })
  return result.status === 0
}

/** Installs the npm packages when they are missing or older than the lock file. */
export function installPackages() {
  const installed = modified(join(root, 'node_modules/.package-lock.json'))
  if (installed >= modified(join(root, 'package-lock.json')) && installed > 0) return
  console.log('Installing packages (once, one to three minutes)…')
  if (!run('npm', ['ci', '--no-audit', '--no-fund'])) fail('npm ci failed; see above.')
}

/** Builds `out/` when a source file is newer than it. */
export function buildIfStale() {
  const built = modified(join(root, 'out/renderer/index.html'))
  const sources = ['app', 'main', 'renderer', 'shared'].map(folder => newest(join(root, folder)))
  const configs = ['electron.vite.config.ts', 'package-lock.json'].map(file => modified(join(root, file)))
  if (built > Math.max(...sources, ...configs)) return
  console.log('Building…')
  if (
    !run(process.execPath, [
      join(root, 'node_modules/electron-vite/bin/electron-vite.js'),
      'build',
      '--logLevel',
      'warn',
    ])
  ) {
    fail('The build failed; see above.')
  }
}

/** Path of a Chromium for the tests of the screen; installs one when there is none. */
export function findChromium() {
  const known = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ]
  const find = () => known.find(path => path && existsSync(path))
  if (find()) return find()
  console.log('Installing Chromium for the tests of the screen (once)…')
  if (existsSync('/usr/bin/apt-get')) {
    const admin = process.getuid?.() === 0 ? [] : ['sudo', '-n']
    const apt = (...args) => {
      const [command, ...rest] = [...admin, 'apt-get', ...args]
      return run(command, rest, { env: { DEBIAN_FRONTEND: 'noninteractive' } })
    }
    if (apt('update', '-qq')) apt('install', '-y', '-qq', 'chromium')
    if (find()) return find()
  }
  run(process.execPath, [join(root, 'node_modules/playwright/cli.js'), 'install', 'chromium'])
  return find()
}

/**
 * Environment in which WebGPU runs on the processor, by SwiftShader, a Vulkan driver that Chromium carries; undefined
 * where none is found. A process must have it from its start.
 */
export function softwareGpu() {
  const chromium = process.env.CHROMIUM
  const folders = [
    ...(chromium && existsSync(chromium) ? [dirname(realpathSync(chromium))] : []),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/opt/google/chrome',
  ]
  const files = ['vk_swiftshader_icd.json', 'libvk_swiftshader.so', 'libvulkan.so.1']
  const folder = folders.find(path => files.every(file => existsSync(join(path, file))))
  if (!folder) return undefined
  const path = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter)
  return { LD_LIBRARY_PATH: path, VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json') }
}

/** Path of the Electron binary, where it could be fetched. Never requires 'electron': that would start a download. */
export function electronBinary() {
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(root, 'node_modules/electron/dist')
  const names = ['electron', 'electron.exe', 'Electron.app/Contents/MacOS/Electron']
  return names.map(name => join(dist, name)).find(path => existsSync(path))
}

export function fail(message) {
  console.error(message)
  process.exit(1)
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newest(folder) {
  let time = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) time = Math.max(time, modified(join(entry.parentPath ?? entry.path, entry.name)))
  }
  return time
}
