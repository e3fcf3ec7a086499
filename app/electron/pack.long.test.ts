/** Packs the built app around a stand-in for Electron's binaries, and looks at what was packed. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { inFolder } from '../../main/workspace/fixture'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const require = createRequire(import.meta.url)
const asar = require('@electron/asar') as {
  createPackage(from: string, to: string): Promise<void>
  listPackage(archive: string, options: { isPack: boolean }): string[]
  extractFile(archive: string, path: string): Buffer
}

describe.runIf(process.platform === 'linux')('the packed app', () => {
  test('holds the bundles and only this system’s native libraries', () =>
    inFolder(async folder => {
      expect(existsSync(join(root, 'out/main/index.js')), 'run `npm run build` first').toBe(true)
      const resources = await pack(folder)
      const packed = asar.listPackage(join(resources, 'app.asar'), { isPack: false })
      for (const file of [
        '/out/main/index.js',
        '/out/main/job.js',
        '/out/main/fresh.js',
        '/out/preload/index.cjs',
      ]) {
        expect(packed).toContain(file)
      }
      expect(packed).toContain('/out/renderer/index.html')
      expect(packed.filter(path => /\.(ts|tsx|map)$/.test(path))).toEqual([])
      expect(packed.filter(path => path.startsWith('/main') || path.startsWith('/e2e'))).toEqual([])
      const about = JSON.parse(asar.extractFile(join(resources, 'app.asar'), 'package.json').toString())
      expect(about).toMatchObject({ name: 'bantam', main: 'out/main/index.js', type: 'module' })

      const unpacked = files(join(resources, 'app.asar.unpacked'))
      const runtime = unpacked.filter(path => path.includes('onnxruntime-node/bin/'))
      expect(runtime.length).toBeGreaterThan(1)
      const own = `onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/`
      expect(runtime.filter(path => !path.includes(own))).toEqual([])
      expect(runtime.some(path => path.endsWith('onnxruntime_binding.node'))).toBe(true)
      expect(unpacked.some(path => /@img\/.*\.so/.test(path))).toBe(true)
      expect(unpacked.some(path => /sqlite.*\.node$/.test(path))).toBe(true)
      // A library in the archive could not be opened by the system's loader.
      const inside = packed.filter(path => /\.(node|so|so\.[\d.]+|dylib|dll)$/.test(path))
      expect(inside.filter(path => !unpacked.includes(path.slice(1)))).toEqual([])
      expect(files(join(resources, 'samples'))).toContain('digits-teacher.onnx')
    }))
})

/** Runs electron-builder without a network; answers with the app's resources folder. */
async function pack(folder: string): Promise<string> {
  const dist = join(folder, 'electron')
  await makeStub(dist)
  const configuration = parse(readFileSync(join(root, 'electron-builder.yml'), 'utf8'))
  // A stand-in has no fuses to set.
  delete configuration.electronFuses
  const output = join(folder, 'dist')
  const file = join(folder, 'electron-builder.yml')
  writeFileSync(
    file,
    stringify({
      ...configuration,
      electronDist: dist,
      directories: { ...configuration.directories, output },
    }),
  )
  const builder = join(root, 'node_modules/electron-builder/cli.js')
  execFileSync(process.execPath, [builder, '--linux', '--dir', '--config', file, '--projectDir', root], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ELECTRON_SKIP_BINARY_DOWNLOAD: '1' },
  })
  return join(output, 'linux-unpacked/resources')
}

/** What electron-builder looks for in a distribution of Electron. */
async function makeStub(dist: string): Promise<void> {
  const app = join(dist, 'default')
  mkdirSync(join(dist, 'resources'), { recursive: true })
  mkdirSync(join(dist, 'locales'))
  mkdirSync(app)
  writeFileSync(join(app, 'main.js'), '')
  await asar.createPackage(app, join(dist, 'resources/default_app.asar'))
  for (const name of ['version', 'LICENSE', 'LICENSES.chromium.html'])
    writeFileSync(join(dist, name), '45.4.1')
  writeFileSync(join(dist, 'electron'), '#!/bin/sh\n')
  chmodSync(join(dist, 'electron'), 0o755)
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
}
