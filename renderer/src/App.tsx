import { useMantineColorScheme } from '@mantine/core'
import { useEffect } from 'react'
import { Palette } from './actions/Palette'
import { useDesktopMessages } from './actions/useDesktopMessages'
import { useShortcuts } from './actions/useShortcuts'
import { DropZone } from './imports/DropZone'
import { JobsDrawer } from './jobs/JobsDrawer'
import { jobChanged } from './jobs/job-toasts'
import { ConnectionBanner } from './shell/ConnectionBanner'
import { Dialogs } from './shell/Dialogs'
import { Header } from './shell/Header'
import classes from './shell/shell.module.css'
import { Workbench } from './shell/Workbench'
import { useApp } from './store/app'
import { useConnection } from './store/connection'
import { startSession } from './store/session'

/** The one window. */
export function App() {
  const connection = useConnection()
  const theme = useApp(s => (s.info ? s.settings.theme : null))
  const { setColorScheme } = useMantineColorScheme()
  useEffect(
    () => startSession(connection, (job, before) => jobChanged(connection.client, job, before)),
    [connection],
  )
  useEffect(() => {
    if (theme) setColorScheme(theme)
  }, [theme, setColorScheme])
  useShortcuts()
  useDesktopMessages()
  return (
    <div className={classes.window}>
      <Header />
      <ConnectionBanner />
      <Workbench />
      <Dialogs />
      <JobsDrawer />
      <Palette />
      <DropZone />
    </div>
  )
}
