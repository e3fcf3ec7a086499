/**
 * Who may talk to the host. A server on 127.0.0.1 can be reached by every page in the person's browser and, through a
 * name that resolves to 127.0.0.1, under foreign names: so the Host and Origin headers are checked on every request,
 * and a secret that only the person's own first page load carries.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export type Verdict = 'ok' | 'foreign' | 'stranger'

export class Guard {
  readonly token: string
  private readonly secret = randomBytes(32).toString('base64url')
  private port = 0

  constructor(token?: string) {
    this.token = token || randomBytes(24).toString('base64url')
  }

  listensOn(port: number): void {
    this.port = port
  }

  get hosts(): string[] {
    return [`127.0.0.1:${this.port}`, `localhost:${this.port}`]
  }

  /** `foreign`: wrong Host or Origin. `stranger`: right place, but without the cookie. */
  judge(request: IncomingMessage): Verdict {
    if (!this.isOwnPlace(request)) return 'foreign'
    return this.hasCookie(request) ? 'ok' : 'stranger'
  }

  isOwnPlace({ headers, method }: IncomingMessage): boolean {
    if (!headers.host || !this.hosts.includes(headers.host)) return false
    if (headers.origin !== undefined) return headers.origin === `http://${headers.host}`
    // Browsers send an Origin with everything that is not a plain GET, and with every web socket.
    return method === 'GET' || method === 'HEAD'
  }

  isToken(given: string | null): boolean {
    return given !== null && same(given, this.token)
  }

  /** HttpOnly: no script reads it. Strict: no other site's request carries it. Cookies ignore ports, so the name tells. */
  cookie(): string {
    return `${this.cookieName}=${this.secret}; HttpOnly; SameSite=Strict; Path=/`
  }

  private get cookieName(): string {
    return `bantam-${this.port}`
  }

  private hasCookie({ headers }: IncomingMessage): boolean {
    const pairs = (headers.cookie ?? '').split(';').map(pair => pair.trim().split('='))
    return pairs.some(([name, value]) => name === this.cookieName && same(value ?? '', this.secret))
  }
}

/** Compares in a time that does not depend on where the two differ. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
