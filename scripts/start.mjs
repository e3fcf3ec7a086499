// `npm start`: installs what is missing, builds, and opens the workbench.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { buildIfStale, electronBinary, installPackages, root } from './setup.mjs'

installPackages()
buildIfStale()

const electron = electronBinary()
const reason = whyNotElectron()
const [command, args] = reason
  ? [process.execPath, [join(root, 'out/main/host.js'), '--open', ...process.argv.slice(2)]]
  : [electron, [root, ...process.argv.slice(2)]]
if (reason) console.log(`${reason}: opening the same workbench in your browser instead. Stop it with Ctrl+C.`)

const child = spawn(command, args, { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', code => process.exit(code ?? 0))

function whyNotElectron() {
  if (!electron) return 'The Electron binary could not be fetched on this machine'
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return 'There is no display'
  if (process.getuid?.() === 0) return 'Electron does not run sandboxed as root'
  return undefined
}
