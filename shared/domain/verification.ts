/** Proof that a file is what was promised, and where it came from. */
import { z } from 'zod'
import { TrainingRecord } from '../training'
import { Note } from './note'
import { Plan } from './technique'

/** What ONNX Runtime ran of a quantized model on a CPU, kernel by kernel of the graph it optimized. */
export const RanKernels = z.object({
  /** Kernels that compute on 8-bit numbers, and that multiply in floating point. */
  int8: z.number(),
  float: z.number(),
  /** Kernels that turn numbers into 8 bits or back, and that copy or change layout. */
  quantize: z.number(),
  conversion: z.number(),
  /** Nodes that the plan has in 8 bits, and those of them that ran in floating point. */
  planned: z.number(),
  fellBack: z.array(z.object({ name: z.string(), op: z.string() })),
})
export type RanKernels = z.infer<typeof RanKernels>

/**
 * How a model with 8-bit products answers on x86 processors with VNNI, whose sums are exact, and on those without, where
 * sums of two products saturate at 16 bits. Simulated, so that it is the same on every machine.
 */
export const Saturation = z.object({
  samples: z.number(),
  /** What the machine at hand does. */
  here: z.enum(['exact', 'saturated']),
  /** Layers in which sums saturated, with the share of them, the most first. */
  layers: z.array(z.object({ node: z.string(), share: z.number() })),
  /** Layers that were looked at. */
  looked: z.number(),
  /** Of the saturated answers against the exact ones, in dB; null where they are equal. */
  sqnr: z.number().nullable(),
  /** Answers of several values, and those whose largest is another one. */
  answers: z.number(),
  changed: z.number(),
})
export type Saturation = z.infer<typeof Saturation>

/** Proof that a saved file is what its job promised: a fresh process with stock ORT loaded and ran it. */
export const Verification = z.object({
  loads: z.boolean(),
  /** Agreement of the file's outputs with its parent's on the same inputs. */
  parity: z
    .object({ samples: z.number(), cosine: z.number(), maxAbs: z.number(), sqnr: z.number().nullable() })
    .nullable(),
  /** What ran while it was tried; absent where it was not looked at. */
  ran: RanKernels.optional(),
  /** Of quantized models: whether other processors answer otherwise; absent where it was not looked at. */
  saturation: Saturation.optional(),
  notes: z.array(Note),
})
export type Verification = z.infer<typeof Verification>

/** Where a file came from; also written into `metadata_props` and the sidecar `FILE.bantam.json`. */
export const Evidence = z.object({
  format: z.literal('bantam-evidence'),
  version: z.literal(1),
  bantam: z.string(),
  onnxruntime: z.string(),
  parent: z.object({ hash: z.string(), sizeBytes: z.number() }),
  result: z.object({ hash: z.string(), sizeBytes: z.number() }),
  plan: Plan,
  /** SHA-256 of the canonical JSON of the plan. */
  planDigest: z.string(),
  dataset: z.object({ hash: z.string(), source: z.string(), samples: z.number() }).nullable(),
  verification: Verification,
  /** How it was trained; absent where nothing was. */
  training: TrainingRecord.optional(),
  createdAt: z.string(),
})
export type Evidence = z.infer<typeof Evidence>
