/** What bench scripts share that compare models made by the command line. */
import { spawnSync } from 'node:child_process'

/** `bantam(...command)` runs the command line at `cli` and answers with the JSON it prints. */
export function commandLine(cli) {
  return (...command) => {
    const run = spawnSync(process.execPath, [cli, ...command, '--json'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    if (run.status !== 0) throw new Error(run.stderr)
    return JSON.parse(run.stdout)
  }
}

/**
 * `scale(model, name, axis, factors)` multiplies an initializer of the model by a factor for each index of an axis.
 * `load` is that of engine.mjs.
 */
export async function scaler(load) {
  const { makeTensor, tensorDims, tensorValues } = await load('main/onnx/tensor')
  return (model, name, axis, factors) => {
    const tensor = model.graph.initializer(name)
    const dims = tensorDims(tensor)
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1)
    const { data } = tensorValues(tensor, model.directory)
    const scaled = data.map((v, i) => v * factors[Math.floor(i / inner) % dims[axis]])
    model.graph.setInitializer(makeTensor(name, 'float32', dims, scaled))
  }
}

/** Length of an initializer of the model along its first axis. */
export function firstDimension(model, name) {
  return Number(model.graph.initializer(name).dims[0])
}

/** Numbers from 0 to 1, the same on every machine. */
export function random(seed) {
  let state = (seed * 2654435761 + 1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Mean and 95 % interval of some measurements: t(n − 1)·s/√n. */
export function interval(list) {
  const T = [Number.NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  const variance = list.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (list.length - 1)
  const half = (T[list.length - 1] ?? 2) * Math.sqrt(variance / list.length)
  return { mean, low: mean - half, high: mean + half }
}

/** '+1.20 points (0.80 to 1.60)' of shares. */
export function points({ mean, low, high }) {
  const text = v => `${v > 0 ? '+' : ''}${(100 * v).toFixed(2)}`
  return `${text(mean)} points (${text(low)} to ${text(high)})`
}

export function percent(share) {
  return `${(100 * share).toFixed(2)} %`
}

/** A row of a table in Markdown; `heading` adds the line below a heading. */
export function tableRow(cells, heading = false) {
  const row = `| ${cells.join(' | ')} |`
  return heading ? `${row}\n|${' --- |'.repeat(cells.length)}` : row
}
