/** The child's half of the warm process: short questions, answered one after the other. */
import { BantamError } from '../../shared/errors'
import { needOf } from '../../shared/needs'
import type { Dataset } from '../data/dataset'
import { openDataset } from '../data/open'
import { probeData } from '../data/probe'
import { listDevices } from '../measure/devices'
import { hardware } from '../measure/hardware'
import { TECHNIQUES, techniqueById, techniqueInfo } from '../techniques'
import { Kept } from './kept'
import { lookIntoLayer } from './layer-asks'
import type { AnyAsk, Asks } from './protocol'
import { previewPruning } from './prune-asks'
import { previewQuantizing } from './quantize-asks'
import { findPairs, previewStudent, viewGraph } from './student-asks'

/** Datasets stay open between questions: scrolling through predictions asks for many pictures of one. */
const opened = new Kept<Dataset>(4, dataset => dataset.close())

export async function answer(ask: AnyAsk): Promise<Asks[AnyAsk['kind']]['answer']> {
  switch (ask.kind) {
    case 'techniques':
      return TECHNIQUES.map(techniqueInfo)
    case 'devices':
      return listDevices()
    case 'step':
      return checkStep(ask)
    case 'advise':
      return advise(ask)
    case 'probe':
      return probeData(ask.source, ask.inputs)
    case 'preview':
      return preview(ask)
    case 'picture':
      return (await dataset(ask)).picture(ask.index)
    case 'student':
      return previewStudent(ask)
    case 'graph':
      return viewGraph(ask)
    case 'pairs':
      return findPairs(ask, dataset)
    case 'prune':
      return previewPruning(ask, dataset)
    case 'layer':
      return lookIntoLayer(ask, dataset)
    case 'quantize':
      return previewQuantizing(ask, dataset)
    case 'texts':
      return texts(ask)
  }
}

/** Options with their defaults. Throws `bad-option` naming the field. */
function checkStep({ step }: Asks['step']['ask']): Asks['step']['answer'] {
  const technique = techniqueById(step.technique)
  const parsed = technique.options.safeParse(step.options)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new BantamError(
      'bad-option',
      `${technique.title}: ${issue?.message ?? 'the options are invalid'}.`,
      {
        ...(issue ? { where: issue.path.join('.') } : {}),
        action: 'Correct the option.',
      },
    )
  }
  const options = parsed.data as Record<string, unknown> // a technique's options are an object
  const need = needOf(techniqueInfo(technique), options)
  return { step: { technique: technique.id, options }, title: technique.title, need }
}

async function advise({ step, model }: Asks['advise']['ask']): Promise<Asks['advise']['answer']> {
  const { options, technique } = checkStep({ step }).step
  return techniqueById(technique).advise({ model, hardware: await hardware() }, options)
}

async function preview(ask: Asks['preview']['ask']): Promise<Asks['preview']['answer']> {
  const source = await dataset(ask)
  const { count, notes } = source.summary
  const samples = []
  for (const index of ask.indices) if (index >= 0 && index < count) samples.push(await source.preview(index))
  return { samples, notes }
}

async function texts(ask: Asks['texts']['ask']): Promise<Asks['texts']['answer']> {
  const source = await dataset(ask)
  const all = ask.indices.map(index => source.texts?.(index) ?? null)
  return all.every(t => t !== null) ? all : null
}

function dataset({ spec, inputs }: Pick<Asks['preview']['ask'], 'spec' | 'inputs'>): Promise<Dataset> {
  return opened.get(JSON.stringify([spec, inputs]), () => openDataset(spec, inputs))
}
