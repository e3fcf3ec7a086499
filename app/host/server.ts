/**
 * The workbench for a browser on this machine: the built screen, the contract over a web socket, and the byte routes,
 * on 127.0.0.1 alone. See docs/SPEC-workspace.md, section Host.
 */
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { RPCHandler } from '@orpc/server/ws'
import { WebSocketServer } from 'ws'
import { mediaType, securityHeaders } from '../../main/api/headers'
import { staticFile } from '../../main/api/static-file'
import { openWorkbench, type Workbench } from '../../main/api/workbench'
import { nodeHost } from '../../main/jobs/host'
import { BantamError, toErrorData } from '../../shared/errors'
import { Guard } from './guard'
import { Uploads } from './upload'

export interface HostOptions {
  /** Folder of the built screen (`out/renderer`). */
  root: string
  /** 0: any free one. */
  port: number
  /** Folder of the workspace. */
  workspace: string
  /** Random unless given. */
  token?: string
  /** Make the sample study on the first start. Default true. */
  sample?: boolean
}

export interface RunningHost {
  /** Opens the workbench: carries the token. */
  readonly url: string
  readonly port: number
  readonly workbench: Workbench
  close(): Promise<void>
}

/** Throws what opening the workspace throws, and `conflict` when the port is taken. */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const workbench = openWorkbench({
    folder: options.workspace,
    host: nodeHost(),
    shell: 'host',
    ...(options.sample === undefined ? {} : { sample: options.sample }),
  })
  try {
    return await serve(options, workbench)
  } catch (error) {
    await workbench.close()
    throw error
  }
}

async function serve(options: HostOptions, workbench: Workbench): Promise<RunningHost> {
  const guard = new Guard(options.token)
  const site = new Site(options.root, workbench, guard)
  const server = createServer((request, response) => void site.answer(request, response))
  server.requestTimeout = 0 // an upload takes as long as it takes
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 })
  const rpc = new RPCHandler(workbench.router)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = new URL(request.url ?? '/', 'http://host').pathname
    // A web socket always carries an Origin; one without comes from no page of ours.
    if (path !== '/rpc' || request.headers.origin === undefined || guard.judge(request) !== 'ok') {
      socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, client => void rpc.upgrade(client))
  })
  const port = await listen(server, options.port)
  guard.listensOn(port)
  return {
    url: `http://127.0.0.1:${port}/?token=${guard.token}`,
    port,
    workbench,
    async close() {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await workbench.close()
    },
  }
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') return reject(error)
      const message = error.code === 'EACCES' ? `Port ${port} may not be used.` : `Port ${port} is taken.`
      reject(new BantamError('conflict', message, { action: 'Choose another one with --port.' }))
    })
    // A server that listens on TCP has an address with a port.
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

class Site {
  private readonly uploads: Uploads

  constructor(
    private readonly root: string,
    private readonly workbench: Workbench,
    private readonly guard: Guard,
  ) {
    this.uploads = new Uploads(workbench.workspace.folder, workbench.grants)
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sockets = this.guard.hosts.map(host => `ws://${host}`)
    for (const [name, value] of Object.entries(securityHeaders(sockets))) response.setHeader(name, value)
    try {
      await this.route(request, response)
    } catch (error) {
      this.fail(response, error)
    }
  }

  private async route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.guard.isOwnPlace(request)) return text(response, 403, 'This request comes from another site.')
    const url = new URL(request.url ?? '/', 'http://host')
    if (url.pathname === '/' && url.searchParams.has('token')) return this.welcome(url, request, response)
    if (this.guard.judge(request) !== 'ok') {
      return text(
        response,
        401,
        'Open Bantam with the address it printed when it started: it carries the key.',
      )
    }
    if (url.pathname === '/upload') return this.upload(url, request, response)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return text(response, 405, 'Not possible here.')
    const bytes = await this.workbench.bytes(url.pathname)
    if (bytes) return send(request, response, bytes.status, bytes.headers, bytes.body)
    return this.file(url.pathname, request, response)
  }

  /** The token is exchanged for the cookie and leaves the address bar. */
  private welcome(url: URL, request: IncomingMessage, response: ServerResponse): void {
    if (!this.guard.isToken(url.searchParams.get('token'))) {
      text(response, 401, 'This key is not valid. Open Bantam with the address it printed when it started.')
      return
    }
    response.setHeader('set-cookie', this.guard.cookie())
    response.setHeader('cache-control', 'no-store')
    if (request.headers['sec-fetch-site'] !== 'cross-site') {
      response.writeHead(303, { location: '/' }).end()
      return
    }
    // A strict cookie is not sent along a redirect that began on another site; a page of ours that moves on is ours.
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    response.end('<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>Bantam</title>')
  }

  private async upload(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return text(response, 405, 'Files are sent with POST.')
    const { searchParams } = url
    const grant = await this.uploads.receive(
      request,
      searchParams.get('name') ?? '',
      searchParams.get('group') ?? '',
    )
    json(response, 200, grant)
  }

  private async file(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = staticFile(this.root, path)
    if (!file) return text(response, 404, 'There is no such page.')
    // Names under assets/ carry a hash of their content.
    const cache = path.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-cache'
    const headers = {
      'content-type': mediaType(extname(file)),
      'content-length': String(statSync(file).size),
      'cache-control': cache,
    }
    await send(request, response, 200, headers, { path: file })
  }

  private fail(response: ServerResponse, error: unknown): void {
    const data = toErrorData(error)
    if (data.code === 'internal') console.error(error)
    if (response.headersSent) response.destroy()
    else json(response, data.code === 'not-found' ? 404 : data.code === 'no-space' ? 507 : 422, data)
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Uint8Array | { path: string },
): Promise<void> {
  if (body instanceof Uint8Array || request.method === 'HEAD') {
    response.writeHead(status, headers)
    response.end(request.method === 'HEAD' || !(body instanceof Uint8Array) ? undefined : body)
    return
  }
  const stream = createReadStream(body.path)
  await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject))
  response.writeHead(status, headers)
  // A person who closes the page while a file is on its way is no error.
  await pipeline(stream, response).catch(() => response.destroy())
}

function text(response: ServerResponse, status: number, message: string): void {
  response
    .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
    .end(message)
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(value))
}
