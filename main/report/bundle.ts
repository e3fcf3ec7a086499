/** The deployment bundle: the model, how to feed it, examples that run, and what was measured. */
import { copyFile, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type {
  Benchmark,
  DatasetSummary,
  Evaluation,
  Evidence,
  ModelSummary,
  Preprocessing,
} from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { browserExample } from '../../shared/examples/browser'
import { csharpExample } from '../../shared/examples/csharp'
import { answerOf, type ExampleModel, sampleFile } from '../../shared/examples/model'
import { nodeExample } from '../../shared/examples/node'
import { pythonExample } from '../../shared/examples/python'
import { portable } from '../../shared/examples/text'
import { datasetTokenizer } from '../data/text/locate'
import { breathe, type TaskContext } from '../jobs/context'
import { fixedBatch, makeFeeds } from '../measure/inputs'
import { modelFiles } from '../onnx/read'
import { openSession } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { encodeNpy } from './bundle/npy'
import { bundleReadme } from './bundle/readme'

/** Values kept of every output in `sample/expected.json`. */
const EXPECTED_VALUES = 4096

export interface BundleInput {
  /** Path of the ONNX file. */
  model: string
  name: string
  summary: Pick<ModelSummary, 'hash' | 'sizeBytes' | 'inputs' | 'outputs'>
  dataset: DatasetSummary | null
  /** One sample as the model is fed, batch axis included; null: the bundle's sample is made up and says so. */
  sample: Record<string, Tensor> | null
  evidence: Evidence | null
  evaluation: Evaluation | null
  benchmark: Benchmark | null
  /** ISO 8601. */
  generatedAt: string
  bantam: string
}

export interface BundleFile {
  path: string
  bytes: number
}

/**
 * Writes the bundle into `outDir`, which must be empty or not exist. The sample's answers are computed here.
 * Throws `bad-option` when the folder holds something, `unsupported` for models whose inputs cannot be written as .npy,
 * and what ONNX Runtime throws on a model it cannot run.
 */
export async function writeBundle(
  input: BundleInput,
  outDir: string,
  context: TaskContext,
): Promise<BundleFile[]> {
  const { summary } = input
  await refuseFilled(outDir)
  const files = new Map<string, string | Uint8Array>()
  const feeds = input.sample ?? makeFeeds(summary.inputs, fixedBatch(summary.inputs) ?? 1)
  context.progress(0.1, 'Running the sample')
  const results = await answersOf(input.model, feeds)
  await breathe(context)
  for (const [i, { name }] of summary.inputs.entries()) {
    const tensor = feeds[name]
    if (!tensor)
      throw new BantamError('bad-data', `The sample has nothing for input ${name}.`, { where: name })
    files.set(sampleFile(i), encodeNpy(tensor))
  }
  files.set('sample/expected.json', `${JSON.stringify(expectedOf(results))}\n`)
  const preprocessing = preprocessingOf(input.dataset)
  files.set('preprocessing.json', `${JSON.stringify(preprocessing, null, 2)}\n`)
  const tokenizer = input.dataset && datasetTokenizer(input.dataset.spec)
  if (tokenizer) files.set('tokenizer.json', await readFile(tokenizer))
  files.set('labels.json', `${JSON.stringify(input.dataset?.classes ?? [])}\n`)
  files.set('evidence.json', `${JSON.stringify(evidenceOf(input), null, 2)}\n`)
  const sources = await sourcesOf(input.model)
  const external = [...sources.keys()].filter(name => name !== 'model.onnx')
  const model = modelOf(input, results, external)
  const examples = {
    ...nodeExample(model),
    ...pythonExample(model),
    ...csharpExample(model),
    ...browserExample(model),
  }
  for (const [path, text] of Object.entries(examples)) files.set(path, text)
  files.set('README.md', bundleReadme(model, { ...input, ...summary }))
  context.progress(0.5, 'Writing the bundle')
  // Written beside its place and then moved there: a bundle is whole or not there at all.
  const partial = join(dirname(resolve(outDir)), `.bantam-bundle-${process.pid}`)
  try {
    const written = await writeAll(partial, files, sources)
    await breathe(context)
    await rmdir(outDir).catch(ignoreMissing)
    await rename(partial, outDir)
    return written
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

/** The tokenizer of texts lies in the bundle. */
function preprocessingOf(dataset: DatasetSummary | null): Preprocessing | null {
  const preprocessing = dataset?.spec.preprocessing ?? null
  return preprocessing?.kind === 'text' ? portable(preprocessing) : preprocessing
}

/** Throws `bad-option` unless the folder is empty or missing. */
async function refuseFilled(outDir: string): Promise<void> {
  const names = await readdir(outDir).catch(error => {
    ignoreMissing(error)
    return []
  })
  if (names.length > 0) {
    throw new BantamError('bad-option', 'The folder for the bundle is not empty.', {
      where: outDir,
      action: 'Choose a new or empty folder.',
    })
  }
}

function ignoreMissing(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOTDIR') {
    throw new BantamError('bad-option', 'The place for the bundle is a file.', {
      action: 'Choose a new or empty folder.',
    })
  }
  if (code !== 'ENOENT') throw error
}

/** Model and external data: place in the bundle → place now. */
async function sourcesOf(model: string): Promise<Map<string, string>> {
  const [, ...external] = await modelFiles(model)
  const sources = new Map([['model.onnx', model]])
  for (const file of external) {
    const name = relative(dirname(model), file).replaceAll('\\', '/')
    if (name === 'model.onnx') {
      throw new BantamError('unsupported', 'The external data has the name the model gets in a bundle.', {
        where: file,
      })
    }
    sources.set(name, file)
  }
  return sources
}

async function answersOf(model: string, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await openSession(model, { threads: 1 })
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

/** Shapes are those the sample's answers have: a file may leave them open. */
function modelOf(
  { dataset, name, summary }: BundleInput,
  results: Record<string, Tensor>,
  external: readonly string[],
): ExampleModel {
  const found = summary.outputs.map(o => ({ ...o, shape: results[o.name]?.dims ?? o.shape }))
  return {
    name,
    file: 'model.onnx',
    inputs: summary.inputs,
    outputs: summary.outputs,
    preprocessing: preprocessingOf(dataset),
    classes: dataset?.classes ?? [],
    answer: answerOf(found, dataset),
    bundle: { external },
  }
}

/** The first values of every numeric output, and its shape. */
function expectedOf(results: Record<string, Tensor>): Record<string, { dims: number[]; data: number[] }> {
  return Object.fromEntries(
    Object.entries(results)
      .filter(([, tensor]) => tensor.type !== 'string')
      .map(([name, tensor]) => [
        name,
        { dims: tensor.dims, data: Array.from(toNumbers(tensor).subarray(0, EXPECTED_VALUES)) },
      ]),
  )
}

function evidenceOf(input: BundleInput) {
  const { evidence, evaluation, benchmark, dataset, sample, summary } = input
  return {
    model: { hash: summary.hash, sizeBytes: summary.sizeBytes },
    evidence,
    evaluation,
    benchmark,
    dataset: dataset && { source: dataset.spec.source, hash: dataset.hash, count: dataset.count },
    sample: sample ? 'from the data' : 'made up (random values)',
    generatedAt: input.generatedAt,
    bantam: input.bantam,
  }
}

async function writeAll(
  outDir: string,
  files: ReadonlyMap<string, string | Uint8Array>,
  sources: ReadonlyMap<string, string>,
): Promise<BundleFile[]> {
  const written: BundleFile[] = []
  for (const [path, source] of sources) {
    const target = await makeRoom(outDir, path)
    await copyFile(source, target)
    written.push({ path, bytes: (await stat(target)).size })
  }
  for (const [path, content] of files) {
    await writeFile(await makeRoom(outDir, path), content)
    written.push({ path, bytes: Buffer.byteLength(content) })
  }
  return written.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function makeRoom(outDir: string, path: string): Promise<string> {
  const target = join(outDir, path)
  await mkdir(dirname(target), { recursive: true })
  return target
}
