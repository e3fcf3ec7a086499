import { availableParallelism } from 'node:os'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { softwareGpu } from './scripts/setup.mjs'

const long = process.env.BANTAM_LONG === '1'
const never = ['node_modules/**', 'out/**', '**/webgpu.test.ts', ...(long ? [] : ['**/*.long.test.ts'])]
const globalSetup = ['scripts/build-entries.mjs', 'scripts/test-temp.mjs']
/** Tests that leave nothing behind in a module, and mock none. */
const functions = [
  'shared/**/*.test.ts',
  'main/{autodiff,data,distill,language,measure,onnx,operators,prune,qat,report,structure,training}/**/*.test.ts',
  'main/quantize/*.test.ts',
  'main/quantize/!(walk)/**/*.test.ts',
]

export default defineConfig({
  test: {
    // Many tests wait for processes of their own: on two cores one worker leaves a third of the time unused.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        // Functions of models, nearly all: many small files that import the same, which is imported once.
        test: {
          name: 'engine',
          include: long ? [] : functions,
          exclude: never,
          pool: 'forks',
          isolate: false,
          globalSetup,
          testTimeout: 120_000,
        },
      },
      {
        // Tests of processes, files and module state.
        test: {
          name: 'processes',
          include: long ? ['**/*.long.test.ts'] : ['{main,shared,app,scripts}/**/*.test.ts'],
          exclude: [...never, ...(long ? [] : functions)],
          pool: 'forks',
          globalSetup,
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
          // The browser of a worker is taken over from file to file, as its modules are.
          isolate: false,
          setupFiles: ['renderer/src/test-setup.ts'],
        },
      },
    ],
  },
})
