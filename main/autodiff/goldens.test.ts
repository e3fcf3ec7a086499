import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readModel } from '../onnx/read'
import type { Tensor } from '../runtime/tensor'
import { runOnce } from './conformance'
import { gradientGraph } from './gradient'
import { addLosses, LOSS, targetName } from './losses'
import { gradientName, runningStatistics } from './prepare'
import { weightFeeds } from './testing'

/** Made by `bench/gradients.py`: gradients of PyTorch in float64. */
interface Golden {
  x: { dims: number[]; ids?: number[]; data?: string }
  labels: number[]
  loss: number
  gradients: Record<string, string>
}

const folder = join(dirname(fileURLToPath(import.meta.url)), 'goldens')

function floats(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer)
}

function int64(dims: number[], values: number[]): Tensor {
  return { type: 'int64', dims, data: BigInt64Array.from(values, BigInt) }
}

const norm = (v: ArrayLike<number>) => Math.hypot(...Array.from(v))

/** Each by the older exporter; `dynamo` by the newer. */
const NETS = [
  ...['lenet', 'resnet', 'mlp', 'transformer'],
  ...['lstm', 'gru', 'convnext', 'mobilenet', 'unet', 'vit', 'gpt'].flatMap(net => [net, `${net}.dynamo`]),
]

describe('gradients of whole nets are those of PyTorch', () => {
  it.each(NETS)('%s, the batch left open', async name => {
    const [net = ''] = name.split('.')
    const golden = JSON.parse(readFileSync(join(folder, `${net}.json`), 'utf8')) as Golden
    const model = await readModel(join(folder, `${name}.onnx`))
    const wrt = Object.keys(golden.gradients)
    const loss = { kind: 'cross-entropy' as const, weight: 1, smoothing: 0.1 }
    const withLoss = await addLosses(model, [{ loss, of: 'logits', labels: 'index' }])
    const graph = await gradientGraph(withLoss.model, { loss: LOSS, wrt, outputs: ['logits'] })
    const { x } = golden
    const feeds = {
      ...weightFeeds(model, [...wrt, ...runningStatistics(model)]),
      x: x.ids
        ? int64(x.dims, x.ids)
        : { type: 'float32' as const, dims: x.dims, data: floats(x.data ?? '') },
      [targetName(0)]: int64(net === 'gpt' ? x.dims : [golden.labels.length], golden.labels),
    }
    const out = await runOnce(graph, feeds)
    expect(Math.abs(Number(out[LOSS]?.data[0]) / golden.loss - 1)).toBeLessThan(1e-6)
    const scale = Math.max(...Object.values(golden.gradients).map(text => norm(floats(text))))
    for (const [weight, text] of Object.entries(golden.gradients)) {
      const expected = floats(text)
      const found = out[gradientName(weight)]?.data as Float32Array
      expect(found).toHaveLength(expected.length)
      const error =
        norm(found.map((v, i) => v - (expected[i] ?? Number.NaN))) / Math.max(norm(expected), 1e-4 * scale)
      if (process.env.BANTAM_GRADIENT_ERRORS) console.log(`${error.toExponential(1)} ${name} ${weight}`)
      expect(error, weight).toBeLessThan(1e-4)
    }
  })
})
