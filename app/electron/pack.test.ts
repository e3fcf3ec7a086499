/** The packaging configuration, checked with electron-builder's own schema and without a network. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const require = createRequire(import.meta.url)

interface Configuration {
  electronFuses: Record<string, boolean>
  asarUnpack: string[]
  npmRebuild: boolean
  extraResources: { from: string }[]
  [key: string]: unknown
}

// electron-builder does not export its check; the version is pinned, so the path holds.
const { validateConfiguration } = require('app-builder-lib/out/util/config/config.js') as {
  validateConfiguration(configuration: unknown, log: unknown): Promise<void>
}
const { DebugLogger } = require('builder-util') as { DebugLogger: new (enabled: boolean) => unknown }

function configuration(): Configuration {
  return parse(readFileSync(join(root, 'electron-builder.yml'), 'utf8'))
}

test('electron-builder accepts the configuration, and would not accept a misspelt one', async () => {
  await validateConfiguration(configuration(), new DebugLogger(false))
  const misspelt = { ...configuration(), asarUnpak: [] }
  await expect(validateConfiguration(misspelt, new DebugLogger(false))).rejects.toThrow(/asarUnpak/)
})

test('what native code opens is unpacked, and nothing is rebuilt', () => {
  const { asarUnpack, npmRebuild } = configuration()
  expect(asarUnpack).toEqual([
    '**/*.node',
    '**/node_modules/onnxruntime-node/bin/**',
    '**/node_modules/@img/**',
  ])
  expect(npmRebuild).toBe(false)
})

test('the fuses close every way in but the one that measuring needs', () => {
  const { electronFuses } = configuration()
  const open = Object.entries(electronFuses).filter(([, on]) => on)
  expect(open.map(([name]) => name).sort()).toEqual([
    'enableCookieEncryption',
    'enableEmbeddedAsarIntegrityValidation',
    'onlyLoadAppFromAsar',
    'runAsNode',
  ])
  expect(electronFuses.enableNodeOptionsEnvironmentVariable).toBe(false)
  expect(electronFuses.grantFileProtocolExtraPrivileges).toBe(false)
})

test('samples and icon are there to be packed', () => {
  expect(configuration().extraResources.map(r => r.from)).toEqual(['samples'])
  for (const file of ['samples/digits.npz', 'samples/digits-teacher.onnx', 'build/icon.png', 'LICENSE']) {
    expect([file, existsSync(join(root, file))]).toEqual([file, true])
  }
})
