/** How fast models run, measured in turns. */
import { z } from 'zod'
import { Measured } from './evaluation'
import { Device, Hardware } from './hardware'
import { Note } from './note'

export const LatencyStats = z.object({
  median: z.number(),
  p90: z.number(),
  p99: z.number(),
  /** Interquartile range. */
  iqr: z.number(),
  /** 95 % interval of the median (order statistics). */
  low: z.number(),
  high: z.number(),
  runs: z.number(),
})
export type LatencyStats = z.infer<typeof LatencyStats>

export const BenchmarkRow = z.object({
  /** Model hash. */
  model: z.string(),
  device: Device,
  batch: z.number().int(),
  threads: z.number().int(),
  latencyMs: LatencyStats,
  /** Samples per second at the median. */
  throughput: z.number(),
  loadMs: z.number(),
  /** Peak resident memory of a fresh process that loads and runs the model; null where not measured. */
  peakMemoryBytes: z.number().nullable(),
  /** Joules per sample from the machine's counters; null where not available. */
  energyJ: z.number().nullable(),
})
export type BenchmarkRow = z.infer<typeof BenchmarkRow>

/** Interleaved comparison: latency of `b` relative to `a` (0.5 = twice as fast). */
export const LatencyRatio = z.object({
  a: z.string(),
  b: z.string(),
  batch: z.number().int(),
  threads: z.number().int(),
  ratio: z.number(),
  low: z.number(),
  high: z.number(),
})
export type LatencyRatio = z.infer<typeof LatencyRatio>

/** How fast a language model reads a prompt and continues it, one text at a time. */
export const GenerationRow = z.object({
  /** Model hash. */
  model: z.string(),
  device: Device,
  threads: z.number().int(),
  /** Whether keys and values of the past are handed on; else every token means computing the whole text again. */
  cache: z.boolean(),
  promptTokens: z.number().int(),
  /** Tokens made after the prompt in one run. */
  generatedTokens: z.number().int(),
  /** Milliseconds of the whole prompt, and of one token made. */
  promptMs: LatencyStats,
  tokenMs: LatencyStats,
  promptTokensPerSecond: Measured,
  tokensPerSecond: Measured,
  /** Peak resident memory of a fresh process that runs the prompt and a token at the full length; null: not measured. */
  peakMemoryBytes: z.number().nullable(),
})
export type GenerationRow = z.infer<typeof GenerationRow>

/** Interleaved comparison: time of `b` relative to `a` (0.5 = twice as fast), for a prompt or for one token made. */
export const GenerationRatio = z.object({
  a: z.string(),
  b: z.string(),
  threads: z.number().int(),
  phase: z.enum(['prompt', 'token']),
  ratio: z.number(),
  low: z.number(),
  high: z.number(),
})
export type GenerationRatio = z.infer<typeof GenerationRatio>

/** Present where a language model was among those measured. */
export const Generation = z.object({ rows: z.array(GenerationRow), ratios: z.array(GenerationRatio) })
export type Generation = z.infer<typeof Generation>

export const Benchmark = z.object({
  hardware: Hardware,
  rows: z.array(BenchmarkRow),
  ratios: z.array(LatencyRatio),
  generation: Generation.optional(),
  energy: z.object({ available: z.boolean(), source: z.string() }),
  notes: z.array(Note).default([]),
})
export type Benchmark = z.infer<typeof Benchmark>

/** Time of one node as ORT really ran it (after its own optimizations). */
export const ProfileNode = z.object({
  name: z.string(),
  op: z.string(),
  /** Execution provider. */
  provider: z.string(),
  /** Mean microseconds per run. */
  us: z.number(),
  /** Element type the kernel computed in, as ORT reports it: float32, uint8, int8, float16, … */
  precision: z.string(),
})
export type ProfileNode = z.infer<typeof ProfileNode>

export const Profile = z.object({
  model: z.string(),
  batch: z.number().int(),
  threads: z.number().int(),
  device: Device,
  runs: z.number(),
  /** Mean microseconds of one whole run, and of the kernels in it. */
  totalUs: z.number(),
  kernelUs: z.number(),
  nodes: z.array(ProfileNode),
  byOperator: z.array(z.object({ op: z.string(), us: z.number(), count: z.number() })),
  /** Share of kernel time spent in int8 kernels, in Quantize/DequantizeLinear, in casts and reorders. */
  shares: z.object({ int8: z.number(), quantizeDequantize: z.number(), conversion: z.number() }),
})
export type Profile = z.infer<typeof Profile>
