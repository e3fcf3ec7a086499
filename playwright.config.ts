import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'e2e',
  // What is waited for comes from processes of the engine: a limit is for what never comes, not for a busy machine.
  timeout: 300_000,
  expect: { timeout: 30_000 },
  // A spec waits for processes half of its time. What it measures of models' speed is not judged.
  workers: 2,
  // A person is told of a race at once; the machine of the checks tries again, and names what needed it.
  retries: process.env.CI ? 1 : 0,
  outputDir: 'test-results',
  use: {
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
})
