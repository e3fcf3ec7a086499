/** `node out/main/host.js [--port N] [--workspace DIR] [--open] [--no-sample]`: serves the workbench to a browser. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { workspaceFolder } from '../../main/workspace/folder'
import { BantamError, errorLine, toErrorData } from '../../shared/errors'
import { openBrowser } from './open-browser'
import { startHost } from './server'

async function main(): Promise<void> {
  const options = readOptions()
  const host = await startHost({
    root: join(dirname(fileURLToPath(import.meta.url)), '../renderer'),
    port: options.port,
    workspace: workspaceFolder(options.workspace),
    sample: options.sample,
  })
  console.log(`Bantam is at ${host.url}`)
  if (options.open) openBrowser(host.url)
  let closing = false
  const close = () => {
    if (closing) process.exit(130) // asked twice: at once
    closing = true
    host.close().then(
      () => process.exit(0),
      error => fail(error),
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, close)
}

function readOptions(): { port: number; workspace: string | undefined; open: boolean; sample: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: process.env.PORT ?? '0' },
        workspace: { type: 'string' },
        open: { type: 'boolean', default: false },
        'no-sample': { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new BantamError('bad-option', `${values.port} is no port.`, {
        where: '--port',
        action: 'Use 0 to 65535.',
      })
    }
    return { port, workspace: values.workspace, open: values.open, sample: !values['no-sample'] }
  } catch (error) {
    if (error instanceof BantamError) throw error
    throw new BantamError('bad-option', error instanceof Error ? error.message : String(error), {
      cause: error,
    })
  }
}

function fail(error: unknown): void {
  const data = toErrorData(error)
  console.error(data.code === 'internal' ? error : errorLine(data))
  process.exit(data.code === 'internal' ? 1 : 2)
}

main().catch(fail)
