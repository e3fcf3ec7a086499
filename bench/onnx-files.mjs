/**
 * Reads, writes, infers and simplifies models with the product, and has bench/onnx-files.py compare all of it with the
 * reference implementation (the Python package onnx):
 *   node bench/onnx-files.mjs [MODEL.onnx …]
 * Without models: those of the development dependencies and the fixtures. Fails on any difference. Needs Python, onnx.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { openEngine, root } from './engine.mjs'

const folder = mkdtempSync(join(tmpdir(), 'bantam-onnx-'))
const { load, close } = await openEngine()
try {
  const [{ readModel }, { writeModel }, { inferTypes }, { simplify }, { FIXTURES, REAL_MODELS }] =
    await Promise.all(
      ['read', 'write', 'infer', 'simplify', 'testing'].map(name => load(`main/onnx/${name}`)),
    )
  const given = process.argv.slice(2)
  const models = given.length > 0 ? given : [...REAL_MODELS, ...FIXTURES]
  for (const [i, path] of models.entries()) {
    const model = await readModel(path)
    const at = name => join(folder, `${i}.${name}`)
    await writeModel(model, at('inline.onnx'), { externalAbove: Number.POSITIVE_INFINITY })
    await writeModel(model, at('external.onnx'), { externalAbove: 0 })
    await writeModel((await simplify(model)).model, at('simple.onnx'), {
      externalAbove: Number.POSITIVE_INFINITY,
    })
    const types = [...(await inferTypes(model)).values()]
    writeFileSync(at('json'), JSON.stringify({ path, name: basename(path), types }))
  }
  const { status } = spawnSync(
    'python3',
    [join(root, 'bench/onnx-files.py'), folder, String(models.length)],
    {
      stdio: 'inherit',
    },
  )
  process.exitCode = status ?? 1
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}
