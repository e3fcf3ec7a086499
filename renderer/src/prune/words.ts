/** What options, parts and drops are called. */

import type { PruneChange } from '../../../shared/prune'

type Kind = PruneChange['kind']

/** What a part is counted in. */
export const KIND_TITLES: Record<Kind, string> = {
  channels: 'channels',
  ffn: 'feed-forward',
  heads: 'heads',
  'head-width': 'head width',
  hidden: 'hidden units',
  embedding: 'embedding',
  blocks: 'blocks',
  rank: 'rank',
  weights: 'weights',
}

/** What an amount is a share of. */
export const TARGET_TITLES: Readonly<Record<string, string>> = {
  macs: 'multiply-accumulates',
  parameters: 'parameters',
  bytes: 'bytes of the file',
  latency: 'latency on this machine',
  channels: "every group's channels",
  blocks: 'blocks',
  rank: "every layer's rank",
}

export interface ChoiceWord {
  title: string
  about: string
}

/** Values of the options that say what goes. */
export const CHOICES: Readonly<Record<string, Readonly<Record<string, ChoiceWord>>>> = {
  importance: {
    l2: { title: 'Size of weights (L2)', about: 'Needs no data; a good first choice.' },
    l1: { title: 'Size of weights (L1)', about: 'Needs no data. Absolute values, not squares.' },
    'bn-scale': { title: 'Normalization scale', about: 'Needs no data. Factors of the normalization.' },
    taylor: { title: 'Taylor', about: 'First-order change of the loss, on samples.' },
    fisher: { title: 'Fisher', about: 'Squared gradient of the loss, on samples.' },
    activation: { title: 'Activation', about: 'Mean size of what it gives, on samples.' },
    wanda: { title: 'Wanda', about: 'Weights times what they multiply, on samples.' },
    random: { title: 'Random', about: 'The control: any measure must beat this.' },
    even: { title: 'Evenly spaced', about: 'Needs no data. Spread over the depth.' },
    similarity: {
      title: 'Similarity',
      about: 'What changes least goes first, on samples.',
    },
    measured: { title: 'Measured', about: 'Each is tried without, on samples.' },
  },
  score: {
    magnitude: { title: 'Size of the weight', about: 'Needs no data.' },
    wanda: { title: 'Wanda', about: 'Weight times what it multiplies, on samples.' },
  },
  error: {
    svd: { title: 'Of the weights', about: 'Needs no data. Singular values of weights.' },
    activation: { title: 'Of the answers', about: 'Least change of what it gives, on samples.' },
  },
  distribution: {
    uniform: { title: 'Alike everywhere', about: 'The same share of every part.' },
    global: { title: 'Where it matters least', about: 'The least important of the whole network.' },
    sensitivity: { title: 'By sensitivity', about: 'Less where removing costs more, as measured.' },
  },
  scope: {
    layer: { title: 'Every layer alike', about: 'The same share of every layer.' },
    global: { title: 'Of the whole network', about: 'The smallest weights wherever they are.' },
  },
}
