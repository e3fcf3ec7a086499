import { createContext, useContext } from 'react'
import type { Client, Connection } from '../client'

export const ConnectionContext = createContext<Connection | null>(null)

export function useConnection(): Connection {
  const connection = useContext(ConnectionContext)
  if (!connection) throw new Error('No connection around this component')
  return connection
}

/** The engine's client. */
export function useClient(): Client {
  return useConnection().client
}
