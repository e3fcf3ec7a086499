// Fetches the Electron binary (and, when WITH_CUDA=1, ONNX Runtime's CUDA libraries) where this
// machine can reach them. Never fails the install: without Electron the workbench opens in a browser.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (!process.env.SKIP_BINARIES) {
  fetchBinary('electron', 'node_modules/electron/install.js')
  if (process.env.WITH_CUDA) {
    fetchBinary('onnxruntime CUDA', 'node_modules/onnxruntime-node/script/install.js', {
      ONNXRUNTIME_NODE_INSTALL: 'cuda12',
    })
  }
}

function fetchBinary(label, script, env = {}) {
  if (!existsSync(script)) return
  const result = spawnSync(process.execPath, [script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 600_000,
    env: { ...process.env, ...env },
  })
  const reason = String(result.stderr).match(/ENOTFOUND \S+|Error: .*/)?.[0] ?? result.signal
  console.log(`[postinstall] ${label}: ${result.status === 0 ? 'ready' : `not available here (${reason})`}`)
}
