/**
 * The nouns of Bantam as data: what the engine computes, the workspace stores, the contract carries and the
 * screen shows. Words as in the design: teacher, variant, study, dataset, technique, plan, job.
 */
import { z } from 'zod'
import { ErrorData } from './errors'
import { Dimension, TensorInfo } from './tensor'
import { TrainingRecord } from './training'

/** Something a person should know about a model, plan or result. `code` is stable and machine-readable. */
export const Note = z.object({
  code: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  node: z.string().optional(),
  action: z.string().optional(),
})
export type Note = z.infer<typeof Note>

// Defined apart, for `training` needs it and is needed here.
export { Dimension, TensorInfo }

// ---------------------------------------------------------------- models

export const LayerSummary = z.object({
  name: z.string(),
  op: z.string(),
  /** Parameters the node reads from initializers (a shared weight counts at its first reader only). */
  parameters: z.number(),
  /** Multiply-accumulates for one sample; null when the operator's cost is unknown. */
  macs: z.number().nullable(),
  /** Bytes of initializers the node reads (same rule as `parameters`). */
  bytes: z.number(),
  outputShape: z.array(Dimension).nullable(),
})
export type LayerSummary = z.infer<typeof LayerSummary>

export const ModelSummary = z.object({
  hash: z.string(),
  /** Bytes of the file and its external data. */
  sizeBytes: z.number(),
  opset: z.number(),
  /** Every imported operator set, '' being ai.onnx. */
  opsets: z.record(z.string(), z.number()),
  producer: z.string(),
  inputs: z.array(TensorInfo),
  outputs: z.array(TensorInfo),
  parameters: z.number(),
  /** Multiply-accumulates for one sample over operators of known cost. */
  macs: z.number(),
  /** Operators whose cost is unknown, with how many nodes: `macs` does not include them. */
  unknownCost: z.record(z.string(), z.number()),
  nodes: z.number(),
  operators: z.record(z.string(), z.number()),
  layers: z.array(LayerSummary),
  notes: z.array(Note),
})
export type ModelSummary = z.infer<typeof ModelSummary>

// ---------------------------------------------------------------- datasets

/** How raw samples become a model's input. Saved with the dataset; shipped in the bundle as JSON. */
export const ImagePreprocessing = z.object({
  kind: z.literal('image'),
  /** Output height and width in pixels. */
  height: z.number().int().min(1).max(8192),
  width: z.number().int().min(1).max(8192),
  channels: z.enum(['gray', 'rgb', 'bgr']).default('rgb'),
  /** stretch: resize ignoring aspect; crop: resize shorter side then centre crop; pad: letterbox. */
  fit: z.enum(['stretch', 'crop', 'pad']).default('crop'),
  /** With fit = crop, resize the shorter side to this fraction above the crop (1.143 = 256/224). */
  cropScale: z.number().min(1).max(4).default(1),
  interpolation: z.enum(['nearest', 'bilinear', 'bicubic']).default('bilinear'),
  layout: z.enum(['NCHW', 'NHWC']).default('NCHW'),
  /** Pixel values 0…255 are multiplied by this first (1/255 gives 0…1). */
  scale: z.number().default(1 / 255),
  /** Then (x - mean) / std per channel, in the order of `channels`. One value serves all channels. */
  mean: z.array(z.number()).default([0]),
  std: z.array(z.number()).default([1]),
  /** Padding value (after scale, before mean/std), with fit = pad. */
  padValue: z.number().default(0),
})
export type ImagePreprocessing = z.infer<typeof ImagePreprocessing>

export const ArrayPreprocessing = z.object({
  kind: z.literal('array'),
  /** (x * scale - mean) / std, elementwise; mean/std of length 1 or of the last axis's length. */
  scale: z.number().default(1),
  mean: z.array(z.number()).default([0]),
  std: z.array(z.number()).default([1]),
})
export type ArrayPreprocessing = z.infer<typeof ArrayPreprocessing>

/** What a tokenizer gives to a model: token numbers, which of them are no padding, first or second text, positions. */
export const TextRole = z.enum(['ids', 'mask', 'types', 'positions'])
export type TextRole = z.infer<typeof TextRole>

/** How texts become token numbers. The columns that hold them stand in the dataset's `inputs`: one, or two for pairs. */
export const TextPreprocessing = z.object({
  kind: z.literal('text'),
  /** A Hugging Face tokenizer.json: an absolute path, or a file name beside the data (in a bundle: in its folder). */
  tokenizer: z.string().min(1),
  /** SHA-256 of the tokenizer's bytes; filled in when the data is opened, and another file is refused from then on. */
  digest: z.string().optional(),
  /** Tokens of one sample, special ones included. Absent: what the model or the tokenizer says, else 128. */
  maxLength: z.number().int().min(1).max(65_536).optional(),
  /** max: every sample has `maxLength` tokens; longest: as many as the longest of its batch has. */
  padding: z.enum(['max', 'longest']).default('max'),
  /** With padding = longest, lengths are rounded up to a multiple of this. */
  multiple: z.number().int().min(1).max(1024).default(8),
  /** Whether longer texts lose their end; else they are refused. */
  truncation: z.boolean().default(true),
  /**
   * texts: every text is a sample; windows: a text makes as many samples of at most `maxLength` tokens as it takes, each
   * beginning with the last token of the one before, so that every token but a text's first is predicted once. Absent:
   * windows for causal language models, else texts.
   */
  samples: z.enum(['texts', 'windows']).optional(),
  /** Which input takes what; inputs with the usual names (input_ids, attention_mask, …) need no entry. */
  roles: z.record(z.string(), TextRole).default({}),
})
export type TextPreprocessing = z.infer<typeof TextPreprocessing>

export const Preprocessing = z.discriminatedUnion('kind', [
  ImagePreprocessing,
  ArrayPreprocessing,
  TextPreprocessing,
])
export type Preprocessing = z.infer<typeof Preprocessing>

export const SplitOptions = z.object({
  seed: z.number().int().default(0),
  /** Fractions of the samples; the rest is not used. calibration is drawn from outside the test split. */
  train: z.number().min(0).max(1).default(0.6),
  calibration: z.number().min(0).max(1).default(0.1),
  test: z.number().min(0).max(1).default(0.3),
})
export type SplitOptions = z.infer<typeof SplitOptions>
export const SplitName = z.enum(['all', 'train', 'calibration', 'test'])
export type SplitName = z.infer<typeof SplitName>

/** Everything needed to open a dataset again. `source` is DATA of the command line (path, sample:digits, #a:b). */
export const DatasetSpec = z.object({
  source: z.string(),
  /** Model input name → array name (npz) or column names (tables). Empty: by equal names, else by order. */
  inputs: z.record(z.string(), z.array(z.string())).default({}),
  /** Array or column that holds the labels; null: no labels; undefined: found by the usual names. */
  labels: z.string().nullable().optional(),
  task: z.enum(['classification', 'regression', 'none']).optional(),
  preprocessing: Preprocessing.optional(),
  split: SplitOptions.default({ seed: 0, train: 0.6, calibration: 0.1, test: 0.3 }),
})
export type DatasetSpec = z.infer<typeof DatasetSpec>

export const DatasetSummary = z.object({
  spec: DatasetSpec,
  /** Identity of the data and how it is read. */
  hash: z.string(),
  format: z.enum(['images', 'npz', 'npy', 'idx', 'csv', 'jsonl', 'parquet', 'txt']),
  count: z.number(),
  /** What one sample feeds, without the batch axis. */
  inputs: z.array(TensorInfo),
  task: z.enum(['classification', 'regression', 'none']),
  classes: z.array(z.string()),
  /** Samples per class, in the order of `classes`. */
  classCounts: z.array(z.number()),
  splits: z.object({ train: z.number(), calibration: z.number(), test: z.number() }),
  notes: z.array(Note),
})
export type DatasetSummary = z.infer<typeof DatasetSummary>

/** What a dataset's source offers before choices are made: for the import form. */
export const DataProbe = z.object({
  format: DatasetSummary.shape.format,
  count: z.number(),
  /** Arrays or columns: name, type, shape without the sample axis. */
  fields: z.array(TensorInfo),
  classes: z.array(z.string()),
  /** The specification Bantam would use, given the model's inputs. */
  suggestion: DatasetSpec,
  notes: z.array(Note),
})
export type DataProbe = z.infer<typeof DataProbe>

/** A sample of text as the model sees it. */
export const TextPreview = z.object({
  /** The text, or both of a pair; the beginning of long ones. */
  texts: z.array(z.string()),
  /** The first tokens with their numbers, padding left out. */
  tokens: z.array(z.object({ text: z.string(), id: z.number() })),
  /** Tokens of the whole text, special ones included, and how many of them are fed. */
  length: z.number(),
  fed: z.number(),
  /** Lengths of some samples of the data: how many were read, and how many are longer than the model sees. */
  lengths: z.object({
    samples: z.number(),
    cut: z.number(),
    /** Samples per bin of equal width from 0 to `longest`. */
    bins: z.array(z.number()),
    longest: z.number(),
    maxLength: z.number(),
  }),
})
export type TextPreview = z.infer<typeof TextPreview>

/** One sample, raw and as the model sees it. Image is a PNG data URL when the sample is one. */
export const SamplePreview = z.object({
  index: z.number(),
  label: z.string().nullable(),
  image: z.string().nullable(),
  /** The first picture-shaped tensor after preprocessing as a PNG data URL: its min is black, its max is white. */
  seen: z.string().nullable(),
  /** Present when the sample is text. */
  text: TextPreview.optional(),
  tensors: z.array(
    TensorInfo.extend({ min: z.number(), max: z.number(), mean: z.number(), head: z.array(z.number()) }),
  ),
})
export type SamplePreview = z.infer<typeof SamplePreview>

// ---------------------------------------------------------------- measurements

/** A number with its 95 % interval; low and high are absent where an interval has no meaning. */
export const Measured = z.object({
  value: z.number(),
  low: z.number().optional(),
  high: z.number().optional(),
})
export type Measured = z.infer<typeof Measured>

/** A paired difference (model minus reference) on the same samples. */
export const Difference = z.object({
  metric: z.string(),
  value: z.number(),
  low: z.number(),
  high: z.number(),
  /** Two-sided p value: exact McNemar for accuracy, paired bootstrap otherwise. */
  p: z.number(),
  test: z.string(),
  /** True when the interval excludes zero. */
  shown: z.boolean(),
})
export type Difference = z.infer<typeof Difference>

/** Agreement of one output with the reference's, over all samples. */
export const Agreement = z.object({
  output: z.string(),
  cosine: z.number(),
  maxAbs: z.number(),
  /** Signal to quantization noise ratio in dB; null where the outputs are identical. */
  sqnr: z.number().nullable(),
  /** Mean KL(reference ‖ model) in nats where the output is a distribution or logits. */
  kl: z.number().optional(),
  /** Share of samples with the same arg max, where the output is a distribution or logits. */
  top1: z.number().optional(),
})
export type Agreement = z.infer<typeof Agreement>

export const PerClass = z.object({
  name: z.string(),
  count: z.number(),
  precision: z.number(),
  recall: z.number(),
  f1: z.number(),
})
export type PerClass = z.infer<typeof PerClass>

export const Evaluation = z.object({
  model: z.string(),
  data: z.object({ hash: z.string(), source: z.string(), split: SplitName, count: z.number() }),
  /** language: next tokens of unlabelled text. */
  task: z.enum(['classification', 'regression', 'none', 'language']),
  /**
   * Keys of the metric catalogue: accuracy, top5, balancedAccuracy, macroF1, logLoss, ece, mae, rmse, r2, perplexity,
   * bitsPerToken, nextToken.
   */
  metrics: z.record(z.string(), Measured),
  perClass: z.array(PerClass).default([]),
  /** confusion[actual][predicted], in the order of perClass. */
  confusion: z.array(z.array(z.number())).default([]),
  reference: z.string().optional(),
  agreement: z.array(Agreement).default([]),
  /** First entry is the task's main metric. */
  differences: z.array(Difference).default([]),
  seconds: z.number(),
  notes: z.array(Note).default([]),
})
export type Evaluation = z.infer<typeof Evaluation>

export const Hardware = z.object({
  cpu: z.string(),
  physicalCores: z.number(),
  logicalCores: z.number(),
  /** Lower-case instruction set flags that matter: avx2, avx512f, avx512_vnni, avx_vnni, amx_int8, neon, i8mm… */
  features: z.array(z.string()),
  memoryBytes: z.number(),
  os: z.string(),
  arch: z.string(),
  gpus: z.array(z.string()),
  node: z.string(),
  onnxruntime: z.string(),
})
export type Hardware = z.infer<typeof Hardware>

export const Device = z.enum(['cpu', 'webgpu', 'cuda', 'dml', 'coreml'])
export type Device = z.infer<typeof Device>

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

// ---------------------------------------------------------------- techniques

/** What one technique decided, before anything is changed. Serialisable; applying it again gives the same bytes. */
export const Plan = z.object({
  technique: z.string(),
  version: z.number().int(),
  seed: z.number().int(),
  options: z.record(z.string(), z.unknown()),
  /** Technique's own decisions: scales, tensors, nodes, groups. */
  decisions: z.record(z.string(), z.unknown()),
  /** What was left alone and why, and what to know about the result. */
  notes: z.array(Note),
})
export type Plan = z.infer<typeof Plan>

export const Step = z.object({
  technique: z.string(),
  options: z.record(z.string(), z.unknown()).default({}),
})
export type Step = z.infer<typeof Step>
export const Recipe = z.object({
  name: z.string().optional(),
  seed: z.number().int().default(0),
  steps: z.array(Step).min(1),
})
export type Recipe = z.infer<typeof Recipe>

/** A technique as the screen and the command line see it. `schema` is JSON Schema made from its zod schema. */
export const TechniqueInfo = z.object({
  id: z.string(),
  title: z.string(),
  summary: z.string(),
  reference: z.string(),
  needs: z.enum(['nothing', 'calibration', 'labels']),
  schema: z.record(z.string(), z.unknown()),
})
export type TechniqueInfo = z.infer<typeof TechniqueInfo>

/** What to expect of a technique on a model and machine, before it is run. */
export const Advice = z.object({
  notes: z.array(Note),
  /** Expected size in bytes; null where it cannot be told. */
  sizeBytes: z.number().nullable(),
  /** Expected latency relative to the parent as a range (0.5 = twice as fast); null where it cannot be told. */
  latencyRatio: z.object({ low: z.number(), high: z.number() }).nullable(),
})
export type Advice = z.infer<typeof Advice>

/** Proof that a saved file is what its job promised: a fresh process with stock ORT loaded and ran it. */
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

// ---------------------------------------------------------------- the workspace

/** One node of the lineage tree. The teacher is the row without a parent. */
export const Variant = z.object({
  id: z.string(),
  studyId: z.string(),
  name: z.string(),
  parentId: z.string().nullable(),
  /** Hash of the model file. */
  model: z.string(),
  /** Without `layers`, which are fetched for one variant at a time. */
  summary: ModelSummary.omit({ layers: true }),
  step: Step.nullable(),
  seed: z.number().int(),
  plan: z.object({ digest: z.string(), notes: z.array(Note) }).nullable(),
  verification: Verification.nullable(),
  evaluation: Evaluation.omit({ perClass: true, confusion: true }).nullable(),
  /** Rows of the newest benchmark this variant took part in. */
  benchmark: z
    .object({
      rows: z.array(BenchmarkRow),
      ratios: z.array(LatencyRatio),
      generation: Generation.optional(),
      at: z.string(),
    })
    .nullable(),
  createdAt: z.string(),
})
export type Variant = z.infer<typeof Variant>

export const DatasetRecord = DatasetSummary.extend({ id: z.string(), studyId: z.string(), name: z.string() })
export type DatasetRecord = z.infer<typeof DatasetRecord>

export const StudyHead = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  variants: z.number(),
})
export type StudyHead = z.infer<typeof StudyHead>

export const Study = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  variants: z.array(Variant),
  datasets: z.array(DatasetRecord),
})
export type Study = z.infer<typeof Study>

export const JobState = z.enum(['queued', 'running', 'paused', 'done', 'failed', 'cancelled'])
export type JobState = z.infer<typeof JobState>
export const Job = z.object({
  id: z.string(),
  studyId: z.string().nullable(),
  kind: z.enum([
    'import-model',
    'import-dataset',
    'variant',
    'measure',
    'sensitivity',
    'quantize-sensitivity',
    'report',
    'bundle',
  ]),
  title: z.string(),
  state: JobState,
  /** It trains: it can be paused, finished early, and has curves (`training.job`). */
  training: z.boolean(),
  /** It searches, and can be finished early with the best so far. */
  searches: z.boolean().optional(),
  /** 0…1 over the whole job. */
  progress: z.number(),
  stage: z.string(),
  /** Seconds; null until it can be told. */
  secondsLeft: z.number().nullable(),
  /** Id of what the job made: a variant, dataset or artifact. */
  result: z.string().nullable(),
  error: ErrorData.nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
})
export type Job = z.infer<typeof Job>

/** A sample on which a variant and the reference can be compared. */
export const Prediction = z.object({
  index: z.number(),
  label: z.string().nullable(),
  /** URL of the sample's picture, when it is one. */
  image: z.string().nullable(),
  /** The sample's text, or both of a pair, when it is one; the beginning of long ones. */
  texts: z.array(z.string()).optional(),
  reference: z.object({ output: z.string(), confidence: z.number().nullable() }),
  variant: z.object({ output: z.string(), confidence: z.number().nullable() }),
  /** Classification with labels: fixed, broken, or both wrong/right; otherwise null. */
  outcome: z.enum(['fixed', 'broken', 'both-wrong', 'both-right']).nullable(),
  /** Distance of the outputs (total variation for distributions, else max abs). */
  distance: z.number(),
})
export type Prediction = z.infer<typeof Prediction>

export const Settings = z.object({
  device: Device.default('cpu'),
  /** Threads for jobs; 0 = physical cores. */
  threads: z.number().int().min(0).max(256).default(0),
  theme: z.enum(['light', 'dark', 'auto']).default('auto'),
})
export type Settings = z.infer<typeof Settings>
