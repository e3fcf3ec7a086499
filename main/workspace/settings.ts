/** Settings, and the few facts a workspace remembers about itself. */
import { Settings } from '../../shared/domain'
import { fromJson, toJson, type Workspace } from './workspace'

export function readSettings({ database }: Workspace): Settings {
  const row = database.get("SELECT value FROM settings WHERE key = 'settings'")
  // A value a newer version wrote may not parse; the defaults then stand.
  return Settings.safeParse(row ? fromJson<unknown>(row.value) : {}).data ?? Settings.parse({})
}

export function writeSettings(workspace: Workspace, change: Partial<Settings>): Settings {
  const settings = Settings.parse({ ...readSettings(workspace), ...change })
  put(workspace, 'settings', settings)
  return settings
}

/** A fact the workspace remembers about itself or the machine; undefined until it was written. */
export function readFact<T>({ database }: Workspace, name: string): T | undefined {
  const row = database.get('SELECT value FROM settings WHERE key = ?', name)
  return row && fromJson<T>(row.value)
}

export function writeFact(workspace: Workspace, name: 'sample' | 'devices', value: unknown): void {
  put(workspace, name, value)
}

/** Whether the sample study was ever made here: one that a person removed does not come back by itself. */
export function sampleWasMade(workspace: Workspace): boolean {
  return readFact<boolean>(workspace, 'sample') === true
}

function put({ database }: Workspace, key: string, value: unknown): void {
  database.run(
    'INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    key,
    toJson(value),
  )
}
