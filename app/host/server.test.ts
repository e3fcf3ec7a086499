import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { createConnection } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/websocket'
import type { ContractRouterClient } from '@orpc/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { inFolder } from '../../main/workspace/fixture'
import { type Contract, FileGrant, routes } from '../../shared/contract'
import { type RunningHost, startHost } from './server'

let host: RunningHost
let folder: string
let cookie: string
let finish: () => void
let running: Promise<void>

beforeAll(async () => {
  await new Promise<void>(ready => {
    running = inFolder(async place => {
      folder = place
      const root = join(place, 'screen')
      mkdirSync(join(root, 'assets'), { recursive: true })
      writeFileSync(join(root, 'index.html'), '<title>Bantam</title>')
      writeFileSync(join(root, 'assets/a.js'), 'export {}')
      writeFileSync(join(place, 'secret.txt'), 'secret')
      symlinkSync(join(place, 'secret.txt'), join(root, 'link.txt'))
      host = await startHost({ root, port: 0, workspace: join(place, 'workspace'), sample: false })
      const done = new Promise<void>(resolve => {
        finish = resolve
      })
      ready()
      await done
      await host.close()
    })
  })
  const welcome = await send('GET', `/?token=${tokenOf(host.url)}`, {})
  cookie = welcome.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
})

afterAll(async () => {
  finish()
  await running
})

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

function tokenOf(url: string): string {
  return new URL(url).searchParams.get('token') ?? ''
}

/** A request as any program could make it: the path is sent as it is written. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: host.port, method, path, headers }, response => {
      const parts: Buffer[] = []
      response.on('data', part => parts.push(part))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(parts).toString(),
        }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}

function origin(): string {
  return `http://127.0.0.1:${host.port}`
}

async function upload(name: string, group: string, body: string): Promise<Answer> {
  return send('POST', routes.upload(name, group), { cookie, origin: origin() }, body)
}

/** Opens a web socket; answers with the status it was refused with, or `open`. */
function socket(headers: Record<string, string>): Promise<number | 'open'> {
  return new Promise((resolve, reject) => {
    const client = new WebSocket(`ws://127.0.0.1:${host.port}/rpc`, { headers })
    client.on('open', () => {
      client.close()
      resolve('open')
    })
    client.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    client.on('error', error => reject(error))
  })
}

describe('who may talk to it', () => {
  test('[H1] it listens on 127.0.0.1 and nowhere else', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .filter(address => address.family === 'IPv4' && !address.internal)
    for (const { address } of others) {
      const outcome = await new Promise(resolve => {
        const connection = createConnection({ host: address, port: host.port })
        connection.on('connect', () => resolve('connected'))
        connection.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      })
      expect(outcome).toBe('ECONNREFUSED')
    }
    expect((await send('GET', '/', { cookie })).status).toBe(200)
  })

  test('[H2] nothing without the cookie', async () => {
    for (const path of ['/', '/index.html', '/assets/a.js', '/artifacts/x', '/data/x/0.png', '/nothing']) {
      const answer = await send('GET', path, {})
      expect([path, answer.status, answer.text]).toEqual([
        path,
        401,
        'Open Bantam with the address it printed when it started: it carries the key.',
      ])
    }
    expect((await send('POST', routes.upload('a', 'g'), { origin: origin() }, 'x')).status).toBe(401)
    expect(
      (await send('GET', '/', { cookie: cookie.replace(/.$/, c => (c === 'A' ? 'B' : 'A')) })).status,
    ).toBe(401)
  })

  test('[H2] the token is exchanged for a strict cookie and leaves the address', async () => {
    const answer = await send('GET', `/?token=${tokenOf(host.url)}`, {})
    expect(answer.status).toBe(303)
    expect(answer.headers.location).toBe('/')
    expect(answer.headers['set-cookie']?.[0]).toMatch(
      new RegExp(`^bantam-${host.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
    )
    expect((await send('GET', '/', { cookie })).text).toBe('<title>Bantam</title>')
  })

  test('[H2] a wrong token gives nothing', async () => {
    for (const token of ['', 'x', tokenOf(host.url).slice(1), `${tokenOf(host.url)}x`]) {
      const answer = await send('GET', `/?token=${token}`, {})
      expect([token, answer.status, answer.headers['set-cookie']]).toEqual([token, 401, undefined])
    }
  })

  test('[H2] a link on another site leads to a page of ours, which may carry the cookie', async () => {
    const answer = await send('GET', `/?token=${tokenOf(host.url)}`, { 'sec-fetch-site': 'cross-site' })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('<meta http-equiv="refresh" content="0;url=/">')
  })

  test('[H3] a wrong Host is refused', async () => {
    for (const name of [
      'evil.example',
      `evil.example:${host.port}`,
      '127.0.0.1',
      `127.0.0.1.evil.example:${host.port}`,
    ]) {
      expect([name, (await send('GET', '/', { cookie, host: name })).status]).toEqual([name, 403])
      expect(await socket({ cookie, origin: origin(), host: name })).toBe(403)
    }
    expect((await send('GET', '/', { cookie, host: `localhost:${host.port}` })).status).toBe(200)
  })

  test('[H3] a wrong Origin is refused', async () => {
    for (const foreign of [
      'http://evil.example',
      'null',
      `http://127.0.0.1:${host.port + 1}`,
      `https://127.0.0.1:${host.port}`,
    ]) {
      expect((await send('GET', '/', { cookie, origin: foreign })).status).toBe(403)
      expect((await send('POST', routes.upload('a', 'g'), { cookie, origin: foreign }, 'x')).status).toBe(403)
      expect(await socket({ cookie, origin: foreign })).toBe(403)
    }
    expect((await send('POST', routes.upload('a', 'g'), { cookie }, 'x')).status).toBe(403)
  })

  test('[H3] a web socket needs cookie and origin', async () => {
    expect(await socket({ origin: origin() })).toBe(403)
    expect(await socket({ cookie })).toBe(403)
    expect(await socket({ cookie, origin: origin() })).toBe('open')
  })

  test('[H6] every answer carries the policy', async () => {
    for (const answer of [await send('GET', '/', { cookie }), await send('GET', '/', {})]) {
      const policy = answer.headers['content-security-policy'] ?? ''
      expect(policy).toContain("default-src 'none'; script-src 'self';")
      expect(policy).not.toContain('unsafe-eval')
      expect(answer.headers['x-content-type-options']).toBe('nosniff')
    }
  })
})

describe('files', () => {
  test('[H4] no path leads out of the screen’s folder', async () => {
    const paths = ['/../secret.txt', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/assets/../../secret.txt']
    const others = [
      '/..%5csecret.txt',
      '/assets/%00',
      '/%',
      '/link.txt',
      `/${join(folder, 'secret.txt')}`,
      '/assets',
    ]
    for (const path of [...paths, ...others]) {
      const answer = await send('GET', path, { cookie })
      expect([path, answer.status, answer.text]).toEqual([path, 404, 'There is no such page.'])
    }
    expect((await send('GET', '/assets/a.js', { cookie })).headers['content-type']).toBe(
      'text/javascript; charset=utf-8',
    )
    expect((await send('DELETE', '/index.html', { cookie, origin: origin() })).status).toBe(405)
  })

  test('[H5] files of one group lie side by side', async () => {
    const model = FileGrant.parse(JSON.parse((await upload('net.onnx', 'one', 'model')).text))
    const data = FileGrant.parse(JSON.parse((await upload('net.onnx.data', 'one', 'data!')).text))
    expect(model).toMatchObject({ name: 'net.onnx', isDirectory: false, bytes: 5 })
    const path = host.workbench.grants.path(model.id)
    expect(readFileSync(path, 'utf8')).toBe('model')
    expect(host.workbench.grants.path(data.id)).toBe(`${path}.data`)
    const other = FileGrant.parse(JSON.parse((await upload('net.onnx', 'two', 'other')).text))
    expect(host.workbench.grants.path(other.id)).not.toBe(path)
  })

  test('[H5] a name with folders grants the topmost folder', async () => {
    const first = FileGrant.parse(JSON.parse((await upload('digits/3/a.png', 'folder', 'a')).text))
    const second = FileGrant.parse(JSON.parse((await upload('digits/4/b.png', 'folder', 'b')).text))
    expect(first).toEqual({ id: second.id, name: 'digits', isDirectory: true, bytes: 0 })
    expect(readdirSync(host.workbench.grants.path(first.id))).toEqual(['3', '4'])
  })

  test('[H5] a name that leads elsewhere is refused', async () => {
    const hostile = [
      '../x',
      '..',
      '.',
      '',
      '/etc/x',
      'a/../../x',
      'a\\..\\x',
      'a//b',
      'a\u0000b',
      'a\nb',
      'C:\\..\\x',
    ]
    for (const name of [...hostile, 'x'.repeat(300), 'a/'.repeat(20)]) {
      const answer = await upload(name, 'hostile', 'x')
      expect([name, answer.status]).toEqual([name, 422])
      expect(JSON.parse(answer.text)).toMatchObject({
        code: 'bad-option',
        message: 'This file name cannot be used.',
      })
    }
    expect(existsSync(join(folder, 'x'))).toBe(false)
    expect(existsSync(join(folder, 'workspace/x'))).toBe(false)
  })

  test('[H5] names that other systems refuse are made plain', async () => {
    for (const [name, plain] of [
      ['a:b|c?.onnx', 'a_b_c_.onnx'],
      ['con.onnx', '_con.onnx'],
      ['trailing. ', 'trailing_'],
      ['Ünïcödé 模型.onnx', 'Ünïcödé 模型.onnx'],
    ] as const) {
      expect(JSON.parse((await upload(name, 'plain', 'x')).text)).toMatchObject({ name: plain })
    }
  })

  test('[H5] a group named by a path makes no such path', async () => {
    const grant = FileGrant.parse(JSON.parse((await upload('a.onnx', '../../elsewhere', 'x')).text))
    expect(host.workbench.grants.path(grant.id)).toMatch(
      new RegExp(`^${join(folder, 'workspace/uploads')}/[\\w-]+/a.onnx$`),
    )
  })

  test('[W13] what does not fit on the disk is refused before it is sent', async () => {
    const headers = { cookie, origin: origin(), 'content-length': String(2 ** 50) }
    const status = await new Promise(resolve => {
      const options = {
        host: '127.0.0.1',
        port: host.port,
        method: 'POST',
        path: routes.upload('big', 'g'),
        headers,
      }
      const request = httpRequest(options, response => {
        resolve(response.statusCode)
        request.destroy()
      })
      request.on('error', () => {})
      request.write('x')
    })
    expect(status).toBe(507)
  })
})

test('the contract works over the web socket', async () => {
  const websocket = new WebSocket(`ws://127.0.0.1:${host.port}/rpc`, {
    headers: { cookie, origin: origin() },
  })
  await new Promise(resolve => websocket.once('open', resolve))
  // The link uses what ws and the browser's own WebSocket have in common.
  const link = new RPCLink({ websocket: websocket as unknown as globalThis.WebSocket })
  const client: ContractRouterClient<Contract> = createORPCClient(link)
  const events = await client.app.events()
  const study = await client.studies.create({ name: 'Over the wire' })
  expect((await events.next()).value).toEqual({ type: 'studies' })
  expect(await client.studies.list()).toEqual([study])
  await expect(client.studies.get({ id: 'none' })).rejects.toMatchObject({
    code: 'BANTAM',
    data: { code: 'not-found', message: 'The study does not exist.', where: 'none' },
  })
  websocket.close()
})
