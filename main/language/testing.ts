/** A language model of one block, small enough to be checked by hand, with and without keys and values of the past. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonl, tokenizerJson } from '../data/text/testing'
import { type ModelParts, makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'

export interface TinyOptions {
  vocabulary?: number
  /** Width of the hidden values: `heads` × an even number. */
  width?: number
  heads?: number
  /** Whether it takes and gives keys and values. */
  cache?: boolean
  /** Positions it knows. */
  context?: number
  /** False: every token sees all others, as in a model that fills gaps. */
  causal?: boolean
  seed?: number
}

/** Deterministic weights, uniform in ±`bound`. */
function noise(count: number, seed: number, bound: number): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * bound
  })
}

/**
 * ids → embedding + position → one head-split attention with a residual → MatMul, Relu, MatMul with a residual → logits.
 * Without a cache it takes `input_ids` alone; with one also `attention_mask`, `position_ids` and
 * `past_key_values.0.key|value` [batch, heads, past, width/heads].
 */
export function tinyLanguageModel({
  vocabulary = 24,
  width = 16,
  heads = 2,
  cache = false,
  context = 64,
  causal = true,
  seed = 1,
}: TinyOptions = {}): Model {
  const each = width / heads
  const weight = (name: string, rows: number, columns: number, n: number) =>
    makeTensor(name, 'float32', [rows, columns], noise(rows * columns, 97 * seed + n, 1.7 / Math.sqrt(rows)))
  const shape = (name: string, values: number[]) =>
    makeTensor(name, 'int64', [values.length], BigInt64Array.from(values, BigInt))
  const number = (name: string, value: number) =>
    makeTensor(name, 'int64', [], BigInt64Array.of(BigInt(value)))
  const real = (name: string, value: number) => makeTensor(name, 'float32', [], Float32Array.of(value))

  const split = (from: string, to: string) => [
    makeNode('Reshape', [from, 'split'], [`${from}_r`]),
    makeNode('Transpose', [`${from}_r`], [to], { perm: [0n, 2n, 1n, 3n] }),
  ]
  const nodes = [
    // Lengths: S tokens fed, T with the past.
    makeNode('Shape', ['input_ids'], ['ids_shape']),
    makeNode('Gather', ['ids_shape', 'one'], ['S']),
    ...(cache
      ? [
          makeNode('Shape', ['past_key_values.0.key'], ['past_shape']),
          makeNode('Gather', ['past_shape', 'two'], ['P']),
        ]
      : [makeNode('Sub', ['S', 'S'], ['P'])]),
    makeNode('Add', ['P', 'S'], ['T']),
    makeNode('Range', ['P', 'T', 'one'], ['rows']),
    makeNode('Range', ['zero', 'T', 'one'], ['columns']),
    makeNode('Gather', ['wte', 'input_ids'], ['tokens']),
    makeNode('Gather', ['wpe', cache ? 'position_ids' : 'rows'], ['places']),
    makeNode('Add', ['tokens', 'places'], ['x'], {}, { name: 'embed' }),
    makeNode('MatMul', ['x', 'wq'], ['q'], {}, { name: 'q' }),
    makeNode('MatMul', ['x', 'wk'], ['k'], {}, { name: 'k' }),
    makeNode('MatMul', ['x', 'wv'], ['v'], {}, { name: 'v' }),
    ...split('q', 'q4'),
    ...split('k', cache ? 'k4_new' : 'k4'),
    ...split('v', cache ? 'v4_new' : 'v4'),
    ...(cache
      ? [
          makeNode('Concat', ['past_key_values.0.key', 'k4_new'], ['present.0.key'], { axis: 2n }),
          makeNode('Concat', ['past_key_values.0.value', 'v4_new'], ['present.0.value'], { axis: 2n }),
          makeNode('Identity', ['present.0.key'], ['k4']),
          makeNode('Identity', ['present.0.value'], ['v4']),
        ]
      : []),
    makeNode('Transpose', ['k4'], ['kt'], { perm: [0n, 1n, 3n, 2n] }),
    makeNode('MatMul', ['q4', 'kt'], ['products'], {}, { name: 'scores' }),
    makeNode('Div', ['products', 'root'], ['scores']),
    ...(causal
      ? [
          makeNode('Unsqueeze', ['rows', 'axis1'], ['rows2']),
          makeNode('LessOrEqual', ['columns', 'rows2'], ['seen']),
          makeNode('Where', ['seen', 'nothing', 'never'], ['triangle']),
          makeNode('Add', ['scores', 'triangle'], ['shown']),
        ]
      : [makeNode('Identity', ['scores'], ['shown'])]),
    ...(cache
      ? [
          makeNode('Cast', ['attention_mask'], ['mask_bool'], { to: 9n }),
          makeNode('Unsqueeze', ['mask_bool', 'axes12'], ['mask4']),
          makeNode('Where', ['mask4', 'nothing', 'never'], ['padding']),
          makeNode('Add', ['shown', 'padding'], ['masked']),
        ]
      : [makeNode('Identity', ['shown'], ['masked'])]),
    makeNode('Softmax', ['masked'], ['attention'], { axis: -1n }),
    makeNode('MatMul', ['attention', 'v4'], ['mixed'], {}, { name: 'mix' }),
    makeNode('Transpose', ['mixed'], ['mixed_t'], { perm: [0n, 2n, 1n, 3n] }),
    makeNode('Reshape', ['mixed_t', 'join'], ['joined']),
    makeNode('MatMul', ['joined', 'wo'], ['attended'], {}, { name: 'o' }),
    makeNode('Add', ['x', 'attended'], ['h']),
    makeNode('MatMul', ['h', 'w1'], ['up'], {}, { name: 'up' }),
    makeNode('Relu', ['up'], ['up_r']),
    makeNode('MatMul', ['up_r', 'w2'], ['down'], {}, { name: 'down' }),
    makeNode('Add', ['h', 'down'], ['y']),
    makeNode('MatMul', ['y', 'head'], ['logits'], {}, { name: 'head' }),
  ]
  const cached = (length: string) => ['batch', heads, length, each]
  const parts: ModelParts = {
    nodes,
    inputs: [
      makeValue('input_ids', 'int64', ['batch', 'sequence']),
      ...(cache
        ? [
            makeValue('attention_mask', 'int64', ['batch', 'past + sequence']),
            makeValue('position_ids', 'int64', ['batch', 'sequence']),
            makeValue('past_key_values.0.key', 'float32', cached('past')),
            makeValue('past_key_values.0.value', 'float32', cached('past')),
          ]
        : []),
    ],
    outputs: [
      makeValue('logits', 'float32', ['batch', 'sequence', vocabulary]),
      ...(cache
        ? [
            makeValue('present.0.key', 'float32', cached('past + sequence')),
            makeValue('present.0.value', 'float32', cached('past + sequence')),
          ]
        : []),
    ],
    initializers: [
      weight('wte', vocabulary, width, 1),
      weight('wpe', context, width, 2),
      weight('wq', width, width, 3),
      weight('wk', width, width, 4),
      weight('wv', width, width, 5),
      weight('wo', width, width, 6),
      weight('w1', width, 4 * width, 7),
      weight('w2', 4 * width, width, 8),
      weight('head', width, vocabulary, 9),
      shape('split', [0, 0, heads, each]),
      shape('join', [0, 0, width]),
      shape('axis1', [1]),
      shape('axes12', [1, 2]),
      number('zero', 0),
      number('one', 1),
      number('two', 2),
      real('root', Math.sqrt(each)),
      real('nothing', 0),
      real('never', -1e9),
    ],
  }
  return makeModel(parts)
}

/** Words of the fixture's tokenizer: as many as the model has scores for. */
const WORDS = ['[PAD]', '[UNK]', ...Array.from({ length: 22 }, (_, i) => `w${String.fromCharCode(97 + i)}`)]

/** Texts of random words and a tokenizer.json beside them; their path. */
export function writeTexts(folder: string, texts = 40, { longest = 20, seed = 3 } = {}): string {
  const next = noise(texts * (longest + 1), seed, 1)
  let at = 0
  const draw = (count: number) => Math.floor(((next[at++] ?? 0) + 1) * 0.4999 * count)
  const rows = Array.from({ length: texts }, () => {
    const count = 2 + draw(longest - 1)
    return { text: Array.from({ length: count }, () => WORDS[2 + draw(22)]).join(' ') }
  })
  const path = join(folder, 'texts.jsonl')
  writeFileSync(path, jsonl(rows))
  writeFileSync(
    join(folder, 'tokenizer.json'),
    JSON.stringify(tokenizerJson({ words: WORDS, specials: false })),
  )
  return path
}
