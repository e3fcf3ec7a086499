import { useCallback, useEffect, useRef, useState } from 'react'
import type { FileGrant } from '../../../shared/contract'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData } from '../client'
import { grantPicked } from './grant'
import { type PickedFile, pickedTitle } from './picked'

export interface Granting {
  grant: FileGrant | null
  /** What is being granted, and how much of it is there (0…1), while it is under way. */
  busy: { title: string; share: number } | null
  error: ErrorData | null
  pick(picked: readonly PickedFile[]): void
  /** Takes any other way to a grant: a native dialog, a typed path. */
  take(make: () => Promise<FileGrant | null>): void
  reset(): void
}

/** A file on its way to the engine; `first` is sent at once, `given` is there already. */
export function useGrant(first: readonly PickedFile[] | undefined, given?: FileGrant): Granting {
  const [grant, setGrant] = useState<FileGrant | null>(given ?? null)
  const [busy, setBusy] = useState<Granting['busy']>(null)
  const [error, setError] = useState<ErrorData | null>(null)
  const abort = useRef<AbortController | null>(null)

  const run = useCallback(async (title: string, make: (signal: AbortSignal) => Promise<FileGrant | null>) => {
    abort.current?.abort()
    const own = new AbortController()
    abort.current = own
    setError(null)
    setGrant(null)
    setBusy({ title, share: 0 })
    try {
      const made = await make(own.signal)
      if (!own.signal.aborted) setGrant(made)
    } catch (thrown) {
      if (!own.signal.aborted) setError(asErrorData(thrown))
    }
    if (abort.current === own) setBusy(null)
  }, [])

  const pick = useCallback(
    (picked: readonly PickedFile[]) => {
      if (picked.length === 0) return
      const title = pickedTitle(picked)
      void run(title, signal => grantPicked(picked, share => setBusy({ title, share }), signal))
    },
    [run],
  )
  const take = useCallback((make: () => Promise<FileGrant | null>) => void run('', make), [run])
  const reset = useCallback(() => {
    abort.current?.abort()
    setGrant(null)
    setBusy(null)
    setError(null)
  }, [])

  useEffect(() => {
    if (first) pick(first)
    return () => abort.current?.abort()
  }, [first, pick])
  return { grant, busy, error, pick, take, reset }
}
