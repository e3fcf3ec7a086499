import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const long = process.env.BANTAM_LONG === '1'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'engine',
          include: long ? ['**/*.long.test.ts'] : ['{main,shared,app,scripts}/**/*.test.ts'],
          exclude: ['node_modules/**', 'out/**', ...(long ? [] : ['**/*.long.test.ts'])],
          pool: 'forks',
          globalSetup: ['scripts/build-entries.mjs', 'scripts/test-temp.mjs'],
          testTimeout: long ? 900_000 : 30_000,
        },
      },
      {
        plugins: [react()],
        test: {
          name: 'screen',
          include: long ? [] : ['renderer/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          setupFiles: ['renderer/src/test-setup.ts'],
        },
      },
    ],
  },
})
