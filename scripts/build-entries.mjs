// Vitest's global set-up: bundles the child-process entries that engine tests start, so that a single test file runs
// without a full build. Each entry becomes one file, put in place whole.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const entries = { fresh: 'main/runtime/fresh-child.ts', job: 'main/jobs/child.ts' }

export async function setup() {
  for (const [name, source] of Object.entries(entries)) {
    if (existsSync(join(root, source))) await buildEntry(name, join(root, source))
  }
}

async function buildEntry(name, source) {
  const target = join(root, 'out/main')
  mkdirSync(target, { recursive: true })
  const folder = mkdtempSync(join(root, 'out/entry-'))
  try {
    await build({
      configFile: false,
      root,
      logLevel: 'error',
      build: {
        ssr: source,
        target: 'node20',
        outDir: folder,
        emptyOutDir: false,
        copyPublicDir: false,
        rolldownOptions: { output: { entryFileNames: `${name}.js`, codeSplitting: false } },
      },
    })
    renameSync(join(folder, `${name}.js`), join(target, `${name}.js`))
  } catch (error) {
    // Tests that do not start this process can still run; those that do fail on their own.
    console.error(`The process entry ${name}.js could not be built: ${error.message.split('\n')[0]}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
