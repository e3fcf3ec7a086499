/** `bantam serve [--port N] [--open]` */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { BantamError } from '../../shared/errors'
import { addGlobals, fail, type Globals, runAction, wholeNumber } from './command'
import { Terminal } from './terminal'

interface Options extends Globals {
  port: number
  open: boolean
}

export function setup(command: Command): void {
  addGlobals(command)
    .option('--port <n>', 'port on 127.0.0.1 (0: any free one)', wholeNumber(0, 65535), 0)
    .option('--open', 'open the page in the browser', false)
    .action((options: Options) =>
      runAction(options.json, async terminal => {
        const [{ startHost }, { workspaceFolder }, { openBrowser }] = await Promise.all([
          import('../host/server'),
          import('../../main/workspace/folder'),
          import('../host/open-browser'),
        ])
        const workspace = workspaceFolder(options.workspace)
        const host = await startHost({ root: screenFolder(), port: options.port, workspace })
        const { url, port } = host
        terminal.result({ url, port, workspace }, () => `Bantam is at ${url}\nStop it with Ctrl+C.`)
        if (options.open) openBrowser(url)
        stopOnSignal(() => host.close())
      }),
    )
}

/** The built screen: `out/renderer`, beside `out/main` which holds this bundle or a chunk of it. */
function screenFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  for (let folder = here; ; folder = dirname(folder)) {
    for (const candidate of [join(folder, 'renderer'), join(folder, 'out/renderer')]) {
      if (existsSync(join(candidate, 'index.html')) && existsSync(join(candidate, 'assets'))) return candidate
    }
    if (folder === dirname(folder)) {
      throw new BantamError('internal', 'The screen was not built.', {
        where: here,
        action: 'Run `npm run build`.',
      })
    }
  }
}

/** The first signal closes in order, the second at once. */
function stopOnSignal(close: () => Promise<void>): void {
  let closing = false
  const stop = () => {
    if (closing) process.exit(130)
    closing = true
    close().then(
      () => process.exit(0),
      error => {
        fail(error, new Terminal(false))
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
}
