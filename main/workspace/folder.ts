/** Where the workspace lies when nobody says otherwise. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

interface Surroundings {
  env: Record<string, string | undefined>
  platform: NodeJS.Platform
  home: string
}

const here: Surroundings = { env: process.env, platform: process.platform, home: homedir() }

/** `chosen` (`--workspace`), else `BANTAM_WORKSPACE`, else the place the operating system has for an app's data. */
export function workspaceFolder(chosen?: string, { env, platform, home }: Surroundings = here): string {
  const explicit = chosen || env.BANTAM_WORKSPACE
  if (explicit) return resolve(explicit)
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Bantam')
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'Bantam')
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'bantam')
}
