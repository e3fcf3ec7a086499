import { useRef } from 'react'

interface Known<T> {
  question: string
  answer: T
}

/**
 * The answer to the question before the one that was answered last: what the last change is compared with. Answers
 * that are still to another question than the one asked (`stale`) are not told apart, and do not count.
 */
export function usePrevious<T>(
  question: string | null,
  answer: T | undefined,
  stale: boolean,
): T | undefined {
  const last = useRef<Known<T> | null>(null)
  const before = useRef<Known<T> | null>(null)
  if (question !== null && answer !== undefined && !stale && last.current?.question !== question) {
    before.current = last.current
    last.current = { question, answer }
  }
  return before.current?.answer
}
