/** Options and decisions of static int8 quantization. */
import { z } from 'zod'
import { QUANTIZABLE } from '../../operators/quantize'
import { Smoothing, smoothFields } from '../smooth/options'

export const StaticOptions = z.object({
  calibration: z.enum(['minmax', 'entropy', 'percentile', 'mse']).default('minmax').meta({
    title: 'Calibration',
    description:
      'How the range of every activation is found: minmax keeps all values seen, percentile cuts the largest ones, entropy loses least information, mse has the least squared rounding error.',
  }),
  percentile: z.number().min(50).max(100).default(99.999).meta({
    title: 'Percentile',
    description: 'Share of activations, in percent, that percentile calibration keeps within the range.',
  }),
  bins: z.number().int().min(128).max(65536).default(2048).meta({
    title: 'Histogram bins',
    description:
      'Bins of the histograms of entropy, percentile and mse calibration. Entropy with 128 bins equals minmax.',
  }),
  samples: z.number().int().min(1).max(1_000_000).default(200).meta({
    title: 'Calibration samples',
    description: 'How many samples of the calibration split are used.',
  }),
  perChannel: z.boolean().default(true).meta({
    title: 'Scale per channel',
    description:
      'One scale for every output channel of a weight instead of one for the whole weight: more exact, as fast.',
  }),
  weightRange: z.enum(['minmax', 'mse']).default('minmax').meta({
    title: 'Range of weights',
    description:
      'minmax keeps every weight within the range of its channel; mse clips where that makes the squared rounding error least.',
  }),
  format: z.enum(['U8S8', 'S8S8', 'U8U8']).default('U8S8').meta({
    title: 'Number format',
    description:
      'Types of activations and weights, U for unsigned. U8S8 is fastest on x86; U8U8 is slower there but cannot saturate on processors without VNNI; S8S8 is for ARM and accelerators.',
  }),
  weights: z.enum(['int8', 'int4']).default('int8').meta({
    title: 'Weights',
    description:
      'int4 halves the file again, and costs accuracy unless the weights are rounded or trained with care. Convolutions and matrix products then compute in float on CPU: for accelerators, and for small files.',
  }),
  activations: z.enum(['int8', 'float']).default('int8').meta({
    title: 'Activations',
    description:
      'float: weights alone become codes, and the network computes in float. With int4 weights that is faster on CPU than rounding activations too.',
  }),
  symmetric: z.boolean().default(false).meta({
    title: 'Symmetric activations',
    description:
      'Put zero in the middle of the codes for activations of both signs. Activations that are never negative keep zero at the lowest code.',
  }),
  reduceRange: z.boolean().default(false).meta({
    title: 'Seven-bit weights',
    description: 'Keep weights to seven bits so that processors without VNNI cannot saturate with U8S8.',
  }),
  equalize: z.boolean().default(false).meta({
    title: 'Equalize layers',
    description:
      'Scale channels between two layers so that the weights on both sides have the same range, without a change of what the network computes. For networks with channels far larger than the others.',
  }),
  rounding: z.enum(['nearest', 'adaround']).default('nearest').meta({
    title: 'Rounding of weights',
    description:
      'nearest, or adaround: learn layer by layer on the calibration samples which weights are better rounded the other way. Takes a while.',
  }),
  roundingSteps: z.number().int().min(1).max(100_000).default(500).meta({
    title: 'Rounding steps',
    description: 'Steps that adaround learns each layer for.',
  }),
  ...smoothFields,
  biasCorrection: z.enum(['none', 'samples', 'analytic']).default('none').meta({
    title: 'Correct biases',
    description:
      'Take from the biases how far rounding moves the mean of every output channel: samples measures it on the calibration samples, analytic tells it from batch normalization, where there is any.',
  }),
  operators: z
    .array(z.enum(QUANTIZABLE as [string, ...string[]]))
    .default([...QUANTIZABLE])
    .meta({ title: 'Operators', description: 'Operator types that may run in int8.' }),
  embeddings: z.boolean().default(true).meta({
    title: 'Embedding tables',
    description:
      'Store embedding tables (constants that Gather reads) and tables of positions (constants that are added) in 8 bits as well.',
  }),
  edges: z.enum(['int8', 'int4', 'float']).default('int8').meta({
    title: 'First and last layers',
    description:
      'Of the layers that no other comes before or behind, which are often the most sensitive, and rarely the slowest. float keeps them in float; with int4 weights int8 keeps theirs in 8 bits, and int4 has them in 4 bits like all others.',
  }),
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float',
    description: 'Names of nodes (or of values they make) that are not quantized; * stands for any text.',
  }),
  overrides: z
    .array(
      z.object({
        node: z.string().min(1),
        activations: z.enum(['int8', 'int16']).optional(),
        calibration: z.enum(['minmax', 'entropy', 'percentile', 'mse']).optional(),
      }),
    )
    .default([])
    .meta({
      title: 'Choices per node',
      description:
        'For nodes by name (* stands for any text): int16 keeps what they read and make in 16 bits, which ONNX Runtime on CPU computes in float; another calibration for their values.',
    }),
})
export type StaticOptions = z.output<typeof StaticOptions>

const CodeName = z.enum(['uint8', 'int8'])
const Scale = z.number().positive()

const PlannedNode = z.object({
  id: z.string(),
  /** What it is called in the result: its name, or its id where it has none. */
  name: z.string().default(''),
  op: z.string(),
  /** Input positions of activations and of constants coded like them. */
  activations: z.array(z.number().int()),
  constants: z.array(z.number().int()),
  weight: z.number().int().nullable(),
  bias: z.number().int().nullable(),
  /** Where its weights have 4 bits, for which ONNX Runtime on CPU has no kernel but in float. */
  bits: z.literal(4).optional(),
})

const PlannedValue = z.object({
  name: z.string(),
  carried: z.boolean(),
  min: z.number(),
  max: z.number(),
  scale: Scale,
  zeroPoint: z.number().int(),
})

/** What a plan of static quantization holds. Nodes are named by their first output. */
export const StaticDecisions = z.object({
  /** Operator set of the result. */
  opset: z.number().int(),
  activationType: CodeName,
  /** Of weights in 8 bits; those in 4 bits are int4. */
  weightType: CodeName,
  reduced: z.boolean(),
  samples: z.number().int(),
  nodes: z.array(PlannedNode),
  /** Relu and Clip nodes that saturation replaces; `fused`: the node before makes their output. */
  absorbed: z.array(z.object({ id: z.string(), fused: z.boolean() })),
  /** Quantized activations with the calibrated range. `carried`: made in 8 bits, so every reader sees the coded value. */
  values: z.array(PlannedValue),
  /** Nodes that compute in float on activations in 16 bits, and those activations; weights as of the others. */
  wide: z
    .object({ nodes: z.array(PlannedNode), values: z.array(PlannedValue) })
    .default({ nodes: [], values: [] }),
  weights: z.array(
    z.object({
      name: z.string(),
      axis: z.number().int().nullable(),
      scales: z.array(Scale),
      zeroPoint: z.number().int(),
      /** Where stored in 4 bits, not 8. */
      bits: z.literal(4).optional(),
      /** Where learned: a bit for each element that says whether it is rounded up, the first in the lowest, in base64. */
      up: z.base64().optional(),
    }),
  ),
  constants: z.array(z.object({ name: z.string(), scale: Scale, zeroPoint: z.number().int() })),
  /** Gathers whose table is stored as codes, by their first outputs; the scale follows from the table. */
  tables: z.array(z.string()).default([]),
  /** Tables that are added to what is computed, stored as codes likewise, by their names. */
  added: z.array(z.string()).default([]),
  /** Whether layers are equalized first; the scales of that follow from the weights. */
  equalized: z.boolean().default(false),
  /**
   * Layers whose rounding was learned: the share of the energy of what they give that is lost on samples held out, rounded
   * to nearest and as learned; the share of weights with another code; and whether it is used, because less is lost.
   */
  roundings: z
    .array(
      z.object({
        id: z.string(),
        before: z.number(),
        after: z.number(),
        moved: z.number(),
        learned: z.boolean(),
      }),
    )
    .default([]),
  /** Inputs of dense layers that are smoothed, after equalizing. */
  smoothing: z.array(Smoothing).default([]),
  /** Corrected biases by node: float32, little-endian, in base64. A node without a bias gets one. */
  biases: z.array(z.object({ id: z.string(), values: z.base64() })).default([]),
})
export type StaticDecisions = z.infer<typeof StaticDecisions>
