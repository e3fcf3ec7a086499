import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import '@fontsource-variable/inter/wght.css'
import './ui/tokens.css'
import './ui/base.css'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { StrictMode } from 'react'
import { App } from './App'
import type { Connection } from './client'
import { ConnectionContext } from './store/connection'
import { cssVariables, theme } from './ui/theme'

/** The whole screen over a connection to an engine. */
export function Root({ connection }: { connection: Connection }) {
  return (
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <ConnectionContext value={connection}>
          <App />
          {/* Below dialogs: what they ask must never lie under a message. */}
          <Notifications position="bottom-right" limit={3} zIndex={190} />
        </ConnectionContext>
      </MantineProvider>
    </StrictMode>
  )
}
