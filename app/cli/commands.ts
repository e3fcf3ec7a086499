/** Every command. Adding one: its file, its test, one line here. */
import type { CommandModule } from './command'

interface Entry {
  name: string
  summary: string
  load(): Promise<CommandModule>
  /** Its result is proven in a fresh process, which may as well start at once. */
  proves?: true
}

/** Only the command that is run is loaded, so that help and errors come at once. */
export const COMMANDS: readonly Entry[] = [
  { name: 'inspect', summary: 'show what an ONNX model is made of', load: () => import('./inspect') },
  {
    name: 'evaluate',
    summary: 'measure quality on data, and against a reference',
    load: () => import('./evaluate'),
  },
  {
    name: 'benchmark',
    summary: 'measure speed and memory of models, interleaved',
    load: () => import('./benchmark'),
  },
  {
    name: 'quantize',
    summary: 'make a smaller variant with low-precision numbers',
    load: () => import('./quantize'),
    proves: true,
  },
  {
    name: 'prune',
    summary: 'make a smaller variant with less in it: channels, heads, blocks, weights or ranks',
    load: () => import('./prune'),
    proves: true,
  },
  {
    name: 'sensitivity',
    summary: 'measure what each part of a model matters',
    load: () => import('./sensitivity'),
  },
  {
    name: 'distill',
    summary: 'train a smaller student to answer as its teacher does',
    load: () => import('./distill'),
  },
  {
    name: 'train',
    summary: 'let a model go on learning from labelled samples',
    load: () => import('./train'),
  },
  {
    name: 'verify',
    summary: 'prove that a file is what it claims to be',
    load: () => import('./verify'),
  },
  {
    name: 'replay',
    summary: 'make a variant again from its evidence',
    load: () => import('./replay'),
    proves: true,
  },
  {
    name: 'report',
    summary: 'compare a folder of variants in one HTML file',
    load: () => import('./report'),
  },
  {
    name: 'bundle',
    summary: 'write a folder to deploy: model, examples, numbers',
    load: () => import('./bundle'),
  },
  { name: 'serve', summary: 'open the workbench in a browser', load: () => import('./serve') },
  { name: 'demo', summary: 'run the sample study to a finished report', load: () => import('./demo') },
]
