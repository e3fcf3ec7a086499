/** Where the built child-process entries lie: beside this bundle, or in the checkout's `out/main`. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BantamError } from '../../shared/errors'

/** Argument of a fresh process that starts ONNX Runtime before it is asked anything. */
export const WARM = '--warm'

/** Path of `out/main/NAME.js`. Throws `internal` when the project was not built. */
export function entryPath(name: 'job' | 'fresh'): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    for (const candidate of [join(folder, `${name}.js`), join(folder, 'out/main', `${name}.js`)]) {
      if (existsSync(candidate)) return candidate
    }
    if (folder === dirname(folder)) {
      throw new BantamError('internal', `The process entry ${name}.js is missing.`, {
        action: 'Run `npm run build`.',
      })
    }
  }
}
