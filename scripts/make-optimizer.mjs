// Compiles the optimizer's kernels: `node scripts/make-optimizer.mjs` writes main/training/optimizer/kernels.generated.ts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'
import { root } from './setup.mjs'

const folder = join(root, 'main/training/optimizer')

/** The bytes of the WebAssembly module that kernels.as.ts compiles to: the same on every machine. */
export async function compileKernels() {
  let bytes
  const { error, stderr } = await asc.main(
    [
      'kernels.ts',
      '--outFile=kernels.wasm',
      '--runtime=stub',
      '--importMemory',
      '--enable=simd',
      '--optimizeLevel=3',
      '--noAssert',
      '--use=abort=',
    ],
    {
      readFile: name => (name === 'kernels.ts' ? readFileSync(join(folder, 'kernels.as.ts'), 'utf8') : null),
      writeFile: (name, contents) => {
        if (name === 'kernels.wasm') bytes = contents
      },
      listFiles: () => [],
    },
  )
  if (error || !bytes) throw new Error(`AssemblyScript refuses kernels.as.ts: ${error?.message}\n${stderr}`)
  return bytes
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = Buffer.from(await compileKernels()).toString('base64')
  writeFileSync(
    join(folder, 'kernels.generated.ts'),
    `/** Made from kernels.as.ts by scripts/make-optimizer.mjs: the WebAssembly module, base64. */\nexport const KERNELS =\n  '${text}'\n`,
  )
}
