/**
 * ONNX Runtime's profile, read event by event. The file is a JSON array with one event on each line; events of
 * category Node whose names end in `_kernel_time` are kernels, `model_run` of category Session is one whole run.
 * Times are microseconds. A control-flow node's time contains that of the nodes in its branches: it is taken off.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const Event = z.object({
  cat: z.string(),
  name: z.string(),
  ts: z.number(),
  dur: z.number(),
  args: z
    .object({
      op_name: z.string().optional(),
      provider: z.string().optional(),
      node_index: z.string().optional(),
      input_type_shape: z.array(z.record(z.string(), z.unknown())).optional(),
      output_type_shape: z.array(z.record(z.string(), z.unknown())).optional(),
    })
    .default({}),
})

export interface KernelEvent {
  /** Name of the node in the graph as ORT ran it. */
  name: string
  op: string
  provider: string
  index: string
  start: number
  /** Microseconds of its own. */
  us: number
  inputTypes: string[]
  outputTypes: string[]
}

export interface RunEvents {
  /** Microseconds of the whole run. */
  us: number
  kernels: KernelEvent[]
}

/** All runs of the profile in order. */
export async function readRuns(path: string): Promise<RunEvents[]> {
  const kernels: KernelEvent[] = []
  const runs: { start: number; end: number }[] = []
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    const text = line.trim().replace(/,$/, '')
    if (!text.startsWith('{')) continue
    const { cat, name, ts, dur, args } = Event.parse(JSON.parse(text))
    if (cat === 'Session' && name === 'model_run') runs.push({ start: ts, end: ts + dur })
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue
    kernels.push({
      name: name.slice(0, -'_kernel_time'.length),
      op: args.op_name ?? 'unknown',
      provider: (args.provider ?? '').replace(/ExecutionProvider$/, ''),
      index: args.node_index ?? '',
      start: ts,
      us: dur,
      inputTypes: (args.input_type_shape ?? []).map(typeName),
      outputTypes: (args.output_type_shape ?? []).map(typeName),
    })
  }
  kernels.sort((a, b) => a.start - b.start || b.us - a.us)
  const own = exclusive(kernels)
  runs.sort((a, b) => a.start - b.start)
  let at = 0
  return runs.map(({ start, end }) => {
    while (at < own.length && (own[at]?.start ?? 0) < start) at++
    const first = at
    while (at < own.length && (own[at]?.start ?? 0) < end) at++
    return { us: end - start, kernels: own.slice(first, at) }
  })
}

function typeName(entry: Record<string, unknown>): string {
  const [type = 'unknown'] = Object.keys(entry)
  return { float: 'float32', double: 'float64' }[type] ?? type
}

const CONTROL = new Set(['If', 'Loop', 'Scan'])

/** Takes the time of nodes in branches off the control-flow nodes around them. Events come in order of their start. */
function exclusive(kernels: readonly KernelEvent[]): KernelEvent[] {
  const open: { event: KernelEvent; end: number }[] = []
  return kernels.map(kernel => {
    const event = { ...kernel }
    while ((open.at(-1)?.end ?? Number.POSITIVE_INFINITY) <= event.start) open.pop()
    const around = open.at(-1)?.event
    if (around) around.us = Math.max(0, around.us - kernel.us)
    if (CONTROL.has(event.op)) open.push({ event, end: kernel.start + kernel.us })
    return event
  })
}
