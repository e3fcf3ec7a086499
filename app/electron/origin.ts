/** The page's own origin, and the check that a message really comes from it. */
import type { IpcMainEvent, IpcMainInvokeEvent } from 'electron'
import { BantamError } from '../../shared/errors'

export const ORIGIN = 'app://bundle'

export function isOwnUrl(url: string): boolean {
  return url === ORIGIN || url.startsWith(`${ORIGIN}/`)
}

/** Only the main frame of our own page may speak: no frame inside it, and no page it was led to. */
export function isOwnPage(event: IpcMainEvent | IpcMainInvokeEvent): boolean {
  const frame = event.senderFrame
  return frame !== null && frame === event.sender.mainFrame && isOwnUrl(frame.url)
}

export function requireOwnPage(event: IpcMainInvokeEvent): void {
  if (!isOwnPage(event)) throw new BantamError('internal', 'A message came from a foreign page.')
}
