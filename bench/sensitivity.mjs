// How long does it take to measure what every layer loses in 8 bits? On the digits teacher and on a ResNet-20 (32 × 32,
// random weights: time does not depend on them), 256 samples, next to two other ways to do it: every trial from the
// inputs on, and one session for all of them with a switch (If) at every weight and activation.
//
//   node bench/sensitivity.mjs [--samples 256] [--threads 1]
//
// Prints seconds of processor time and, for the switched session, a run of it with all switches off next to one of the plain model.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEngine, quietContext, root } from './engine.mjs'

const { values: flags } = parseArgs({
  options: { samples: { type: 'string', default: '256' }, threads: { type: 'string', default: '1' } },
})
const threads = Number(flags.threads)
const folder = mkdtempSync(join(tmpdir(), 'bantam-sensitivity-'))
const context = quietContext(folder)
const { load, close } = await openEngine()
try {
  const build = await load('main/onnx/build')
  const { makeTensor } = await load('main/onnx/tensor')
  const { arrayDataset, normals } = await load('main/quantize/testing')
  const { readModel } = await load('main/onnx/read')
  const { StaticOptions } = await load('main/quantize/static/options')
  const { measureQuantization } = await load('main/quantize/sensitivity/measure')
  const { subjectOf } = await load('main/quantize/sensitivity/subject')
  const { alone } = await load('main/quantize/sensitivity/alone')
  const { Runner } = await load('main/measure/answers')
  const { editableCopy } = await load('main/quantize/copy')
  const { writeStatic } = await load('main/quantize/static/write')
  const { serialize } = await load('main/onnx/write')
  const { openSession } = await load('main/runtime/session')

  const digits = await readModel(join(root, 'samples/digits-teacher.onnx'))
  for (const [name, model, shape] of [
    ['digits teacher', digits, digits.graph.proto.input[0]],
    ['ResNet-20', resnet20(build, makeTensor, normals), null],
  ]) {
    const dims = shape
      ? shape.type.value.value.shape.dim.slice(1).map(d => Number(d.value.value))
      : [3, 32, 32]
    const input = model.graph.inputNames[0]
    const count = Number(flags.samples)
    const size = count * dims.reduce((a, b) => a * b, 1)
    const dataset = arrayDataset({ [input]: { dims: [count, ...dims], data: normals(size, 7) } })
    const samples = { dataset, indices: dataset.indices('all') }
    const request = { model, options: StaticOptions.parse({}), calibration: samples, samples, threads }
    const start = process.cpuUsage()
    const found = await measureQuantization(request, context)
    const cut = seconds(start)

    const subject = await subjectOf(request, context)
    const again = process.cpuUsage()
    const { runner } = await Runner.open(subject.model, samples, threads, context)
    for (const layer of subject.layers) {
      for (const part of layer.weight === null ? ['whole'] : ['whole', 'weights', 'activations']) {
        const copy = editableCopy(subject.model)
        writeStatic(copy, alone(subject.decisions, layer, part))
        await runner.run(copy, context, part === 'whole' ? undefined : { 'session.disable_quant_qdq': '1' })
      }
    }
    const whole = seconds(again)

    const { feeds } = await dataset.batch(samples.indices.subarray(0, 32))
    const plain = await openSession(serialize(subject.model), { threads })
    const switched = await openSession(serialize(withSwitches(build, makeTensor, subject)), { threads })
    const off = { type: 'bool', dims: [], data: Uint8Array.of(0) }
    const once = async (session, extra) => {
      const begin = performance.now()
      await session.run({ ...feeds, ...extra })
      return performance.now() - begin
    }
    const ratios = []
    for (let i = 0; i < 15; i++) {
      const a = await once(plain, {})
      ratios.push((await once(switched, { bantam_switch: off })) / a)
    }
    ratios.sort((a, b) => a - b)
    await plain.close()
    await switched.close()
    console.log(
      `${name}: ${found.layers.length} layers, ${count} samples: ${cut.toFixed(1)} s from the layer on, ${whole.toFixed(1)} s of trials from the inputs on; a run with switches takes ${ratios[7].toFixed(2)} times a plain one`,
    )
  }
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

/** Of all processors together, since a moment: what else runs on the machine does not count. */
function seconds(since) {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

/** He et al. 2015, section 4.2, with batch normalization folded: three stages of three blocks. */
function resnet20({ makeModel, makeNode, makeValue }, makeTensor, normals) {
  const [nodes, initializers] = [[], []]
  let seed = 1
  const conv = (from, to, inC, outC, { stride = 1, kernel = 3 } = {}) => {
    const fan = inC * kernel * kernel
    const w = `${to}.w`
    initializers.push(
      makeTensor(w, 'float32', [outC, inC, kernel, kernel], normals(outC * fan, seed++, Math.sqrt(2 / fan))),
      makeTensor(`${to}.b`, 'float32', [outC], normals(outC, seed++, 0.1)),
    )
    const pad = BigInt(kernel >> 1)
    const attributes = { strides: [BigInt(stride), BigInt(stride)], pads: [pad, pad, pad, pad] }
    nodes.push(makeNode('Conv', [from, w, `${to}.b`], [to], attributes, { name: to }))
  }
  const relu = (from, to) => nodes.push(makeNode('Relu', [from], [to]))
  conv('x', 'stem', 3, 16)
  relu('stem', 'a0')
  let [last, width] = ['a0', 16]
  for (const [stage, out] of [16, 32, 64].entries()) {
    for (let block = 0; block < 3; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1
      const name = `s${stage}b${block}`
      conv(last, `${name}c1`, width, out, { stride })
      relu(`${name}c1`, `${name}r1`)
      conv(`${name}r1`, `${name}c2`, out, out)
      let shortcut = last
      if (width !== out) {
        conv(last, `${name}p`, width, out, { stride, kernel: 1 })
        shortcut = `${name}p`
      }
      nodes.push(makeNode('Add', [`${name}c2`, shortcut], [`${name}s`], {}, { name: `${name}s` }))
      relu(`${name}s`, `${name}r2`)
      ;[last, width] = [`${name}r2`, out]
    }
  }
  nodes.push(makeNode('GlobalAveragePool', [last], ['pool']), makeNode('Flatten', ['pool'], ['flat']))
  initializers.push(makeTensor('fc.w', 'float32', [64, 10], normals(640, seed, 0.2)))
  nodes.push(makeNode('MatMul', ['flat', 'fc.w'], ['y'], {}, { name: 'fc' }))
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', 3, 32, 32])],
    outputs: [makeValue('y', 'float32', ['n', 10])],
    nodes,
    initializers,
  })
}

/** Every weight and activation behind an If that would round it; one switch for all is enough to see what they cost. */
function withSwitches(
  { makeNode, makeGraph, makeModel, makeValue },
  makeTensor,
  { model, layers, decisions },
) {
  const nodes = []
  const initializers = [...model.graph.initializers()]
  initializers.push(
    makeTensor('bantam_scale', 'float32', [], Float32Array.of(0.05)),
    makeTensor('bantam_zero', 'uint8', [], Uint8Array.of(128)),
  )
  const readers = new Map(layers.map(layer => [layer.node, layer]))
  for (const node of model.graph.topological()) {
    const layer = readers.get(node)
    const input = [...node.input]
    for (const value of layer ? [...layer.reads, ...(layer.weight === null ? [] : [layer.weight])] : []) {
      const [q, to] = [`${value}.${node.output[0]}.q`, `${value}.${node.output[0]}.on`]
      const rounded = makeGraph({
        inputs: [],
        outputs: [makeValue(`${to}.a`, 'float32', null)],
        nodes: [
          makeNode('QuantizeLinear', [value, 'bantam_scale', 'bantam_zero'], [q]),
          makeNode('DequantizeLinear', [q, 'bantam_scale', 'bantam_zero'], [`${to}.a`]),
        ],
        initializers: [],
      })
      const kept = makeGraph({
        inputs: [],
        outputs: [makeValue(`${to}.b`, 'float32', null)],
        nodes: [makeNode('Identity', [value], [`${to}.b`])],
        initializers: [],
      })
      nodes.push(makeNode('If', ['bantam_switch'], [to], { then_branch: rounded, else_branch: kept }))
      for (const [i, name] of input.entries()) if (name === value) input[i] = to
    }
    nodes.push({ ...node, input })
  }
  const { proto } = model.graph
  return makeModel({
    inputs: [
      ...proto.input.filter(v => !model.graph.initializer(v.name)),
      makeValue('bantam_switch', 'bool', []),
    ],
    outputs: [...proto.output],
    nodes,
    initializers,
    opset: Math.max(13, decisions.opset),
  })
}
