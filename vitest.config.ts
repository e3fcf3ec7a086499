import { availableParallelism } from 'node:os'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { softwareGpu } from './scripts/setup.mjs'

const long = process.env.BANTAM_LONG === '1'

export default defineConfig({
  test: {
    // Many tests wait for processes of their own: on two cores one worker leaves a third of the time unused.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'engine',
          include: long ? ['**/*.long.test.ts'] : ['{main,shared,app,scripts}/**/*.test.ts'],
          exclude: ['node_modules/**', 'out/**', '**/webgpu.test.ts', ...(long ? [] : ['**/*.long.test.ts'])],
          pool: 'forks',
          globalSetup: ['scripts/build-entries.mjs', 'scripts/test-temp.mjs'],
          // Many tests start processes: a limit is for what never ends, not for a busy machine.
          testTimeout: long ? 900_000 : 120_000,
        },
      },
      {
        // Processes of their own, with a driver for WebGPU in their environment.
        test: {
          name: 'webgpu',
          include: long ? [] : ['main/**/webgpu.test.ts'],
          pool: 'forks',
          env: softwareGpu() ?? {},
          testTimeout: 60_000,
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
