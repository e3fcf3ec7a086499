/**
 * What widths a machine likes: kernels work on blocks of channels, and a width that is no multiple of them costs as much
 * as the next one that is. Measured on this machine, once per process, with convolutions and dense layers of one node.
 */
import { makeFeeds } from '../measure/inputs'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'

/** Channels are best kept in these multiples; `widths` and `us` are what was measured, microseconds by width. */
export interface Multiples {
  convolution: number
  dense: number
  widths: number[]
  us: { convolution: number[]; dense: number[] }
}

const WIDTHS = Array.from({ length: 16 }, (_, i) => i + 33)
const TRIED = [16, 8, 4, 2]
/** Rounding up to a multiple is free when it costs less than this. */
const FREE = 1.02
const ROUNDS = 9

let measured: Promise<Multiples> | undefined

/** Measures in about a second at the first call; later ones answer with the same. Throws what sessions throw. */
export function hardwareMultiples(): Promise<Multiples> {
  measured ??= measure().catch(error => {
    measured = undefined
    throw error
  })
  return measured
}

async function measure(): Promise<Multiples> {
  const convolution = await timesOf(convolutionOf)
  const dense = await timesOf(denseOf)
  return {
    convolution: freeMultiple(convolution),
    dense: freeMultiple(dense),
    widths: WIDTHS,
    us: { convolution, dense },
  }
}

/**
 * The largest multiple to which widths can be rounded up for nothing. `us` is the time at each of WIDTHS.
 */
export function freeMultiple(us: readonly number[], widths: readonly number[] = WIDTHS): number {
  const time = new Map(widths.map((width, i) => [width, us[i] ?? 0]))
  for (const multiple of TRIED) {
    const pairs = widths.flatMap(width => {
      const rounded = time.get(Math.ceil(width / multiple) * multiple)
      return rounded === undefined ? [] : [{ own: time.get(width) ?? 0, rounded }]
    })
    const [own, rounded] = [pairs.reduce((s, p) => s + p.own, 0), pairs.reduce((s, p) => s + p.rounded, 0)]
    if (pairs.length > 0 && rounded <= own * FREE) return multiple
  }
  return 1
}

/** Least microseconds of a run at each width, all widths in turns. */
async function timesOf(modelOf: (width: number) => Model): Promise<number[]> {
  const sessions: Session[] = []
  try {
    for (const width of WIDTHS) sessions.push(await openSession(serialize(modelOf(width)), { threads: 1 }))
    const feeds = sessions.map(session => makeFeeds(session.inputs, 1))
    const best = WIDTHS.map(() => Number.POSITIVE_INFINITY)
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, session] of sessions.entries()) {
        const start = performance.now()
        for (let k = 0; k < 3; k++) await session.run(feeds[i] ?? {})
        best[i] = Math.min(best[i] ?? 0, ((performance.now() - start) / 3) * 1000)
      }
    }
    return best
  } finally {
    for (const session of sessions) await session.close()
  }
}

/** Several layers, so that what a run costs besides them does not matter. */
const LAYERS = 6

function convolutionOf(width: number): Model {
  return chain(width, [1, width, 24, 24], [width, width, 3, 3], (x, w, y) =>
    makeNode('Conv', [x, w], [y], { pads: [1n, 1n, 1n, 1n] }),
  )
}

function denseOf(width: number): Model {
  return chain(width, [256, width], [width, width], (x, w, y) => makeNode('MatMul', [x, w], [y]))
}

function chain(
  width: number,
  shape: number[],
  weight: number[],
  layer: (x: string, w: string, y: string) => ReturnType<typeof makeNode>,
): Model {
  const count = weight.reduce((a, b) => a * b, 1)
  const data = Float32Array.from({ length: count }, (_, i) => (((i * 7919) % 17) - 8) / (40 * width))
  const nodes = Array.from({ length: LAYERS }, (_, i) => [
    layer(i === 0 ? 'x' : `a${i}`, 'w', `h${i + 1}`),
    makeNode('Relu', [`h${i + 1}`], [`a${i + 1}`]),
  ]).flat()
  return makeModel({
    opset: 17,
    nodes,
    inputs: [makeValue('x', 'float32', shape)],
    outputs: [makeValue(`a${LAYERS}`, 'float32', shape)],
    initializers: [makeTensor('w', 'float32', weight, data)],
  })
}
