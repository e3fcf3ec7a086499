import { useDebouncedValue } from '@mantine/hooks'
import { useRef } from 'react'
import type { ErrorData } from '../../../shared/errors'
import type { Client } from '../client'
import { useQuery } from './query'

export interface Trial<T> {
  /** The newest answer; the one before stays until it is there. */
  answer: T | undefined
  /** Why there is none to what is asked now. */
  error: ErrorData | undefined
  asking: boolean
  /** The answer is to another question than the one asked now. */
  stale: boolean
}

const PAUSE_MS = 300

/**
 * What the engine says to a question that changes while a person edits, asked a moment after it changed. Answers of
 * one `scope` stand in for each other; null asks nothing.
 */
export function useTrial<T>(
  scope: string,
  question: string | null,
  ask: (client: Client, question: string) => Promise<T>,
): Trial<T> {
  const [settled] = useDebouncedValue(question, PAUSE_MS)
  const key = settled === null ? null : `${scope}/${settled}`
  const query = useQuery(key, client => ask(client, settled ?? ''))
  const last = useRef<{ scope: string; question: string; answer: T } | null>(null)
  if (query.data && settled !== null) last.current = { scope, question: settled, answer: query.data }
  const kept = last.current?.scope === scope ? last.current : null
  return {
    answer: query.data ?? kept?.answer,
    error: question !== null && question === settled ? query.error : undefined,
    asking: question !== null && (query.loading || question !== settled),
    stale: question !== kept?.question,
  }
}
