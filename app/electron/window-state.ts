/** Where the window was last: remembered between starts, and forgotten when that place is no longer on a screen. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { app, type BrowserWindow, type Rectangle, screen } from 'electron'
import { z } from 'zod'

const State = z.object({
  bounds: z.object({ x: z.number(), y: z.number(), width: z.number().min(400), height: z.number().min(300) }),
  maximized: z.boolean(),
})
type State = z.infer<typeof State>

const FALLBACK = { width: 1440, height: 900 }

function statePath(): string {
  return join(app.getPath('userData'), 'window.json')
}

export function windowBounds(): { width: number; height: number } | Rectangle {
  const state = read()
  return state && isVisible(state.bounds) ? state.bounds : FALLBACK
}

/** Maximizes the window if it was, and writes its place down when it closes. */
export function rememberWindow(window: BrowserWindow): void {
  if (read()?.maximized) window.maximize()
  window.on('close', () => {
    const state: State = { bounds: window.getNormalBounds(), maximized: window.isMaximized() }
    try {
      writeFileSync(statePath(), JSON.stringify(state))
    } catch (error) {
      console.error('The window’s place could not be remembered:', error)
    }
  })
}

function read(): State | undefined {
  try {
    return State.parse(JSON.parse(readFileSync(statePath(), 'utf8')))
  } catch {
    return undefined // first start, or not ours
  }
}

function isVisible({ x, y, width, height }: Rectangle): boolean {
  return screen.getAllDisplays().some(({ workArea: area }) => {
    const across = Math.min(x + width, area.x + area.width) - Math.max(x, area.x)
    const down = Math.min(y + height, area.y + area.height) - Math.max(y, area.y)
    return across > 100 && down > 100
  })
}
