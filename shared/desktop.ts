import type { Artifact, FileGrant } from './contract'

/** What the preload gives the page in Electron, as `window.desktop`. Absent in a browser. */
export interface DesktopBridge {
  readonly kind: 'electron'
  /** Native open dialog; null when dismissed. */
  open(what: 'model' | 'data' | 'folder'): Promise<FileGrant | null>
  /** Grants for files and folders dropped on the window. */
  drop(files: File[]): Promise<FileGrant[]>
  /** Native save dialog, then writes the artifact; null when dismissed, else the file name. */
  save(artifact: Artifact): Promise<string | null>
}

/**
 * What the desktop tells the page, as the `data` of a `message` event on `window` (from the window itself):
 * a model the person opened from outside, or a menu item that stands for one of the screen's actions.
 */
export type DesktopMessage =
  | { type: 'desktop:open'; grant: FileGrant }
  | { type: 'desktop:action'; id: string }

declare global {
  interface Window {
    desktop?: DesktopBridge
  }
}
