import react from '@vitejs/plugin-react'
import { defineConfig } from 'electron-vite'
import packageJson from './package.json' with { type: 'json' }

/** Native packages stay outside; everything else is bundled, which halves the start of every process. */
const bundled = Object.keys(packageJson.dependencies).filter(
  name =>
    ![
      'onnxruntime-node',
      'onnxruntime-common',
      'sharp',
      '@photostructure/sqlite',
      'systeminformation',
    ].includes(name),
)

export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      externalizeDeps: { exclude: bundled },
      rollupOptions: {
        input: {
          index: 'app/electron/main.ts',
          host: 'app/host/main.ts',
          cli: 'app/cli/main.ts',
          job: 'main/jobs/child.ts',
          fresh: 'main/runtime/fresh-child.ts',
        },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rollupOptions: {
        input: { index: 'app/electron/preload.ts' },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'renderer',
    plugins: [react()],
    build: {
      outDir: 'out/renderer',
      minify: true,
      // One page, loaded from this machine's disk: splitting it would gain nothing.
      chunkSizeWarningLimit: 3000,
      rollupOptions: { input: { index: 'renderer/index.html' } },
    },
  },
})
