/** `app://bundle/…`: the built screen and the byte routes, with the same headers as the host serves them. */
import { createReadStream, statSync } from 'node:fs'
import { extname } from 'node:path'
import { Readable } from 'node:stream'
import { protocol } from 'electron'
import { mediaType, securityHeaders } from '../../main/api/headers'
import { staticFile } from '../../main/api/static-file'
import type { Workbench } from '../../main/api/workbench'

/** Must run before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } },
  ])
}

export function serveApp(root: string, workbench: Workbench): void {
  protocol.handle('app', async request => {
    const url = new URL(request.url)
    if (url.host !== 'bundle' || request.method !== 'GET') return notFound()
    const bytes = await workbench.bytes(url.pathname)
    if (bytes) return respond(bytes.status, bytes.headers, bytes.body)
    const file = staticFile(root, url.pathname)
    if (!file) return notFound()
    return respond(200, { 'content-type': mediaType(extname(file)) }, { path: file })
  })
}

function respond(
  status: number,
  headers: Record<string, string>,
  body: Uint8Array | { path: string },
): Response {
  const all = { ...securityHeaders(), ...headers }
  if (body instanceof Uint8Array) return new Response(Buffer.from(body), { status, headers: all })
  all['content-length'] = String(statSync(body.path).size)
  // The two standard libraries declare the same stream under two names.
  const stream = Readable.toWeb(createReadStream(body.path)) as ReadableStream
  return new Response(stream, { status, headers: all })
}

function notFound(): Response {
  return new Response('There is no such page.', { status: 404, headers: securityHeaders() })
}
