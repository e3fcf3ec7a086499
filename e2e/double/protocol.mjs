/** `protocol`: a scheme of ours is served as `http://HOST.SCHEME.localhost`, by intercepting its requests. */
const schemes = new Map()

export const protocol = {
  registerSchemesAsPrivileged() {},
  isProtocolHandled: scheme => schemes.has(scheme),
  unhandle: scheme => schemes.delete(scheme),
  handle(scheme, handler) {
    schemes.set(scheme, handler)
    const { context } = globalThis.__double
    void context.route(new RegExp(`^http://[^/]+\\.${scheme}\\.localhost/`), route => answer(route, handler))
  },
}

async function answer(route, handler) {
  const request = route.request()
  const response = await handler(new Request(toAppUrl(request.url()), { method: request.method() }))
  await route.fulfill({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: Buffer.from(await response.arrayBuffer()),
  })
}

/** `app://bundle/x` → `http://bundle.app.localhost/x`; other addresses stay. */
export function toPageUrl(url) {
  const { protocol, host, pathname, search, hash } = new URL(url)
  const scheme = protocol.slice(0, -1)
  return schemes.has(scheme) ? `http://${host}.${scheme}.localhost${pathname}${search}${hash}` : url
}

/** The other way round. */
export function toAppUrl(url) {
  return url.replace(/^http:\/\/([^/]+)\.([^/.]+)\.localhost/, (whole, host, scheme) =>
    schemes.has(scheme) ? `${scheme}://${host}` : whole,
  )
}
