/** A small cache of answers, dropped by events. Old answers stay on the screen until new ones are there. */
import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData, type Client } from '../client'
import { useClient } from './connection'

export interface Query<T> {
  data: T | undefined
  error: ErrorData | undefined
  /** True while a fetch runs; `data` may still hold the answer before. */
  loading: boolean
  reload(): void
}

interface Entry {
  data: unknown
  error: ErrorData | undefined
  loading: boolean
  stale: boolean
}

const EMPTY: Entry = { data: undefined, error: undefined, loading: true, stale: true }
const KEPT = 200
const entries = new Map<string, Entry>()
const listeners = new Set<() => void>()

function put(key: string, entry: Entry): void {
  entries.delete(key)
  entries.set(key, entry)
  for (const oldest of entries.keys()) {
    if (entries.size <= KEPT) break
    entries.delete(oldest)
  }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Marks every answer whose key starts with `prefix` as old; those on the screen are fetched again. */
export function invalidate(prefix: string): void {
  for (const [key, entry] of entries) if (key.startsWith(prefix)) entries.set(key, { ...entry, stale: true })
  for (const listener of listeners) listener()
}

/** Forgets every answer (tests). */
export function clearQueries(): void {
  entries.clear()
}

/** Not there, or old and not being fetched. */
function isWanted(entry: Entry | undefined): boolean {
  return entry === undefined || (entry.stale && !entry.loading)
}

async function run(key: string, fetcher: () => Promise<unknown>): Promise<void> {
  const before = entries.get(key) ?? EMPTY
  const running: Entry = { ...before, loading: true, stale: false }
  put(key, running)
  try {
    const data = await fetcher()
    // An answer that was marked old while it was under way is shown and fetched again.
    put(key, { data, error: undefined, loading: false, stale: entries.get(key)?.stale ?? false })
  } catch (error) {
    put(key, { data: before.data, error: asErrorData(error), loading: false, stale: false })
  }
}

/**
 * Answer of the engine under a key; `null` asks for nothing. Keys that depend on a study's content start with
 * `study/` and are fetched again whenever the study changes.
 */
export function useQuery<T>(key: string | null, fetcher: (client: Client) => Promise<T>): Query<T> {
  const client = useClient()
  const read = useCallback(() => (key === null ? undefined : entries.get(key)), [key])
  const entry = useSyncExternalStore(subscribe, read)
  const wanted = key !== null && isWanted(entry)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key names what the fetcher asks
  useEffect(() => {
    // Another component may have asked for the same meanwhile.
    if (wanted && isWanted(entries.get(key))) void run(key, () => fetcher(client))
  }, [wanted, key, client])
  const reload = useCallback(() => {
    if (key !== null) invalidate(key)
  }, [key])
  // The key stands for the type of the answer: it is written with its fetcher, at one place.
  const data = entry?.data as T | undefined
  return { data, error: entry?.error, loading: key !== null && (entry?.loading ?? true), reload }
}

export interface Ask<T> {
  key: string
  fetch(client: Client): Promise<T>
}

/** Several answers at once, in the order of the asks; each is fetched and kept as `useQuery` does. */
export function useQueries<T>(asks: readonly Ask<T>[]): Query<T>[] {
  const client = useClient()
  const last = useRef<readonly (Entry | undefined)[]>([])
  const read = () => {
    const now = asks.map(ask => entries.get(ask.key))
    const same = now.length === last.current.length && now.every((entry, i) => entry === last.current[i])
    if (!same) last.current = now
    return last.current
  }
  const found = useSyncExternalStore(subscribe, read)
  useEffect(() => {
    for (const { key, fetch } of asks) {
      if (isWanted(entries.get(key))) void run(key, () => fetch(client))
    }
  })
  return asks.map(({ key }, i) => ({
    // The key stands for the type of the answer: it is written with its fetcher, at one place.
    data: found[i]?.data as T | undefined,
    error: found[i]?.error,
    loading: found[i]?.loading ?? true,
    reload: () => invalidate(key),
  }))
}
