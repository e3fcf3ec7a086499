/** Every action of the screen is one object, used by menus, the palette and the keyboard alike. */
import type { LucideIcon } from 'lucide-react'
import type { Variant } from '../../../shared/domain'
import type { Client } from '../client'
import { type AppState, selectedVariants, teacherOf, useApp } from '../store/app'
import { type UiState, useUi } from '../store/ui'

export interface Screen {
  app: AppState
  ui: UiState
  client: Client
  /** The variant an action is about: the row of a context menu, else the first selected one. */
  target: Variant | null
}

export interface Action {
  id: string
  label: string
  group: 'Study' | 'Variant' | 'View' | 'Help'
  keywords?: string
  icon: LucideIcon
  /** 'mod+K', 'N', '?', 'Delete'; mod is ⌘ on a Mac and Ctrl elsewhere. */
  shortcut?: string
  /** Also while a text field has the focus. */
  global?: boolean
  available(screen: Screen): boolean
  run(screen: Screen): void | Promise<void>
}

/** The screen as an action sees it now. */
export function currentScreen(client: Client, target?: Variant): Screen {
  const app = useApp.getState()
  const selected = selectedVariants(app)[0] ?? teacherOf(app.study)
  return { app, ui: useUi.getState(), client, target: target ?? selected ?? null }
}
