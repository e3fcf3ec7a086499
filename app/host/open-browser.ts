/** Opens a page in the person's browser; quietly does nothing where there is none. */
import { spawn } from 'node:child_process'

export function openBrowser(url: string): void {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url]
  if (!command) return
  const child = spawn(command, args, { detached: true, stdio: 'ignore' })
  child.on('error', () => {}) // no such program: the address was printed
  child.unref()
}
