/** Lets bench scripts use the engine, which is TypeScript, without a build: Vite turns it into modules Node can load. */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** `load('main/measure/evaluate')` gives the module; `close` ends the server. */
export async function openEngine() {
  const server = await createServer({
    configFile: false,
    root,
    logLevel: 'error',
    appType: 'custom',
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
  })
  return { load: path => server.ssrLoadModule(`/${path}.ts`), close: () => server.close() }
}

/** A task context that says nothing and cannot be cancelled. */
export function quietContext(tempDir) {
  return { progress() {}, log() {}, signal: new AbortController().signal, tempDir }
}
