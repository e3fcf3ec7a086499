/** The warm process's answer to what pruning would do: planned and made as the job would, without recovery. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PruneDecisions, type PrunePreview } from '../../shared/prune'
import type { Dataset } from '../data/dataset'
import { inspectModel } from '../measure/inspect'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { writeModel } from '../onnx/write'
import { parseOptions } from '../operations/variant'
import { techniqueById } from '../techniques'
import type { TaskContext } from './context'
import { Kept } from './kept'
import type { Asks, ModelRef } from './protocol'
import { quicker } from './prune-quicker'
import { speedNextTo } from './speed-next-to'
import { calibrationSamples } from './tasks/samples'

type Ask = Asks['prune']['ask']
type Open = (data: NonNullable<Ask['data']>) => Promise<Dataset>

/** By hash of the parent, options and data: a screen asks for the same again and again. */
const previews = new Kept<PrunePreview>(64)
const parents = new Kept<Model>(2)

/**
 * What a step would do to a model. `open` opens the data. Throws `bad-option` for options that are invalid, and what
 * planning throws.
 */
export async function previewPruning(ask: Ask, open: Open): Promise<PrunePreview> {
  const technique = techniqueById(ask.step.technique)
  const given = parseOptions(technique, ask.step.options) as Record<string, unknown> // options are objects
  const { options, notes } = quicker(given)
  const key = JSON.stringify([ask.parent.hash, technique.id, options, notes, ask.data?.spec])
  return previews.get(key, () => preview({ ...ask, step: { technique: technique.id, options } }, notes, open))
}

async function preview(
  { parent, step, data, threads }: Ask,
  notes: string[],
  open: Open,
): Promise<PrunePreview> {
  const technique = techniqueById(step.technique)
  const model = await parentOf(parent)
  const calibration = data ? calibrationSamples(await open(data)) : undefined
  const folder = await mkdtemp(join(tmpdir(), 'bantam-prune-'))
  const context = unheard(folder)
  try {
    const input = { model, calibration, seed: 0, threads, device: 'cpu' as const }
    const plan = await technique.plan(input, step.options, context)
    const pruned = await technique.apply(model, plan, { threads, device: 'cpu', context, record() {} })
    const file = join(folder, 'pruned.onnx')
    const { sizeBytes } = await writeModel(pruned, file)
    const decisions = PruneDecisions.parse(plan.decisions)
    const { parameters, macs } = await inspectModel(file)
    return {
      ...decisions,
      after: { ...decisions.after, parameters, macs },
      sizeBytes: { before: parent.summary.sizeBytes, after: sizeBytes },
      ...(await speedNextTo(parent.path, file, [...plan.notes.map(note => note.message), ...notes])),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Each answer has its own process time: nobody hears how far it is, and nothing stops it but the process's end. */
function unheard(tempDir: string): TaskContext {
  return { progress() {}, log() {}, signal: new AbortController().signal, tempDir }
}

function parentOf({ hash, path }: ModelRef): Promise<Model> {
  return parents.get(hash, () => readModel(path))
}
