import { type ClientLink, createORPCClient, ORPCError } from '@orpc/client'
import { RPCLink as PortLink } from '@orpc/client/message-port'
import { RPCLink as SocketLink } from '@orpc/client/websocket'
import type { ContractRouterClient } from '@orpc/contract'
import type { Contract } from '../../shared/contract'
import { ErrorData, toErrorData } from '../../shared/errors'

export type Client = ContractRouterClient<Contract>
export type ConnectionState = 'connecting' | 'open' | 'lost'

type Link = ClientLink<Record<never, never>>

/** A client that outlives its connection: after a loss it connects again and calls go to the new link. */
export interface Connection {
  client: Client
  /** Called with every change of state; returns how to stop listening. */
  watch(listener: (state: ConnectionState) => void): () => void
  /** Tries to connect at once instead of waiting for the next attempt. */
  retry(): void
}

const LOST: ErrorData = {
  code: 'internal',
  message: 'The connection to the engine was lost.',
  action: 'Bantam connects again by itself; then try again.',
}

/** Milliseconds before attempt `n` (0, 1, …): doubles from 250 ms up to 5 s. */
export function reconnectDelay(attempt: number): number {
  return Math.min(5000, 250 * 2 ** attempt)
}

/** Turns anything a call threw into what, where and what to do. */
export function asErrorData(error: unknown): ErrorData {
  if (error instanceof ORPCError) {
    const parsed = ErrorData.safeParse(error.data)
    if (parsed.success) return parsed.data
    const message = error.message || 'The engine refused the request.'
    return { code: error.status === 400 ? 'bad-option' : 'internal', message, action: 'Try again.' }
  }
  if (error instanceof ConnectionLost || (error instanceof Error && /closed|not open/i.test(error.message))) {
    return LOST
  }
  return toErrorData(error)
}

class ConnectionLost extends Error {
  override name = 'ConnectionLost'
}

/** Connects over the preload's message port in Electron and a WebSocket on the page's own origin elsewhere. */
export function connect(): Connection {
  return window.desktop ? connectPort() : connectSocket()
}

function connectPort(): Connection {
  const { port1, port2 } = new MessageChannel()
  window.postMessage('rpc:connect', window.location.origin === 'null' ? '*' : window.location.origin, [port2])
  port1.start()
  return {
    client: createORPCClient(new PortLink({ port: port1 })),
    watch(listener) {
      listener('open')
      return () => {}
    },
    retry() {},
  }
}

function connectSocket(): Connection {
  const listeners = new Set<(state: ConnectionState) => void>()
  let state: ConnectionState = 'connecting'
  let link: Link | null = null
  let attempt = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function change(next: ConnectionState) {
    state = next
    for (const listener of listeners) listener(next)
  }
  function open() {
    clearTimeout(timer)
    const url = new URL(`/rpc${window.location.search}`, window.location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    const socket = new WebSocket(url)
    socket.addEventListener('open', () => {
      attempt = 0
      link = new SocketLink({ websocket: socket })
      change('open')
    })
    socket.addEventListener('close', () => {
      link = null
      change('lost')
      timer = setTimeout(open, reconnectDelay(attempt++))
    })
  }
  open()

  const relay: Link = {
    async call(path, input, options) {
      if (!link) throw new ConnectionLost(LOST.message)
      return link.call(path, input, options)
    },
  }
  return {
    client: createORPCClient(relay),
    watch(listener) {
      listeners.add(listener)
      listener(state)
      return () => listeners.delete(listener)
    },
    retry() {
      if (state !== 'open') open()
    },
  }
}
