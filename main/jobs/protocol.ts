/** What passes between the workbench and its child processes. Plain data: structured clone carries it. */
import type {
  Advice,
  Benchmark,
  DataProbe,
  DatasetSpec,
  DatasetSummary,
  Device,
  Evaluation,
  Evidence,
  ModelSummary,
  Note,
  Plan,
  SamplePreview,
  Step,
  TechniqueInfo,
  TensorInfo,
  Verification,
} from '../../shared/domain'
import type { ErrorData } from '../../shared/errors'
import type { DataNeed } from '../../shared/needs'
import type { PrunePreview, PruneSensitivity } from '../../shared/prune'
import type { LayerDetail, LiveSearch, QuantizePreview, QuantizeSensitivity } from '../../shared/quantize'
import type { GraphView, StudentPreview, SuggestedPair, TrainingRecord } from '../../shared/training'
import type { ReportInput } from '../report/input'
import type { StoredProfiles } from '../workspace/measurements'
import type { JobKind, RequestOf } from './requests'

/** A model in the store. */
export interface ModelRef {
  path: string
  hash: string
  name: string
}

/** A model in the store with what was found when it was inspected. */
export interface InspectedRef extends ModelRef {
  summary: Pick<ModelSummary, 'parameters' | 'macs' | 'sizeBytes' | 'inputs' | 'outputs'>
}

/** A student as a person named it (`slim:0.5`, `variant:ID`), with the model where it is one. */
export interface StudentRef {
  text: string
  model: InspectedRef | null
}

export interface DatasetRef {
  id: string
  spec: DatasetSpec
}

/** An evaluation made earlier whose outputs lie in the store. */
export interface EvaluatedRef {
  hash: string
  /** Path of the stored outputs. */
  outputs: string
}

export interface Machine {
  device: Device
  threads: number
}

/** What was measured of one model; parts that failed are absent and have a note instead. */
export interface Measurements {
  /** Evaluations to record, the teacher's among them when it had none for this dataset. */
  evaluations: { model: string; dataset: string; evaluation: Evaluation; outputs: string }[]
  benchmark: Benchmark | null
  /** Profiles of a model and of the teacher, by the model's hash. */
  profiles: Record<string, StoredProfiles>
  /** What could not be measured, and why. */
  notes: Note[]
}

export interface MeasureTask extends Machine {
  teacher: ModelRef
  teacherEvaluation: EvaluatedRef | null
  /** Without the teacher. */
  variants: ModelRef[]
  dataset: DatasetRef | null
  batches: number[]
  threadCounts: number[]
}

/** For each kind of job: what its process is told, and what it answers. */
export interface Tasks {
  'import-model': { task: { path: string }; result: { summary: ModelSummary } }
  'import-dataset': {
    task: { spec: DatasetSpec; teacher: ModelRef; inputs: TensorInfo[] } & Machine
    result: { summary: DatasetSummary; pictures: boolean }
  }
  variant: {
    task: {
      parent: ModelRef
      step: Step
      seed: number
      inputs: TensorInfo[]
      /** Models the options name as `variant:ID`, by that text. */
      models: Record<string, ModelRef>
      measure: Omit<MeasureTask, 'variants'>
    }
    result: {
      title: string
      summary: ModelSummary
      plan: Plan
      evidence: Evidence
      verification: Verification
      measurements: Measurements
    }
  }
  measure: { task: MeasureTask & { inputs: TensorInfo[] }; result: Measurements }
  sensitivity: {
    task: {
      model: ModelRef
      inputs: TensorInfo[]
      /** Hash of the dataset. */
      dataset: string
      spec: DatasetSpec
      threads: number
    } & Pick<RequestOf<'sensitivity'>, 'importance' | 'keeps' | 'samples'>
    /** Hashes of what it was measured of and on. */
    result: { model: string; dataset: string; sensitivity: PruneSensitivity }
  }
  'quantize-sensitivity': {
    task: {
      model: ModelRef
      inputs: TensorInfo[]
      /** Hash of the dataset. */
      dataset: string
      spec: DatasetSpec
      threads: number
    } & Pick<RequestOf<'quantize-sensitivity'>, 'options' | 'samples'>
    /** Hashes of what it was measured of and on. */
    result: { model: string; dataset: string; sensitivity: QuantizeSensitivity }
  }
  report: { task: { input: ReportInput }; result: { file: string; bytes: number } }
  bundle: { task: BundleTask; result: { file: string; bytes: number } }
}

export interface BundleTask {
  /** The variant's name, and the folder in the archive made from it. */
  name: string
  folder: string
  model: ModelRef
  summary: Omit<ModelSummary, 'layers'>
  dataset: DatasetSummary | null
  evidence: Evidence | null
  evaluation: Evaluation | null
  benchmark: Benchmark | null
}

type TaskOf<K extends JobKind> = { kind: K } & Tasks[K]['task']
export type AnyTask = { [K in JobKind]: TaskOf<K> }[JobKind]

/** Short questions for the warm process. */
export interface Asks {
  techniques: { ask: Record<never, never>; answer: TechniqueInfo[] }
  devices: {
    ask: Record<never, never>
    answer: { id: Device; label: string; available: boolean; reason: string }[]
  }
  /** Validates the options of a step; answers with the defaults filled in and the technique's title. */
  step: { ask: { step: Step }; answer: { step: Step; title: string; need: DataNeed | null } }
  advise: { ask: { step: Step; model: ModelSummary }; answer: Advice }
  probe: { ask: { source: string; inputs: TensorInfo[] }; answer: DataProbe }
  preview: {
    ask: { spec: DatasetSpec; inputs: TensorInfo[]; indices: number[] }
    answer: { samples: SamplePreview[]; notes: Note[] }
  }
  picture: { ask: { spec: DatasetSpec; inputs: TensorInfo[]; index: number }; answer: Uint8Array | null }
  /** Texts of samples for a person to read; null when the data are no text. */
  texts: { ask: { spec: DatasetSpec; inputs: TensorInfo[]; indices: number[] }; answer: string[][] | null }
  /** What a student would be. */
  student: { ask: { teacher: InspectedRef; student: StudentRef; threads: number }; answer: StudentPreview }
  /** The graph of a model, or of a student made from it. */
  graph: { ask: { model: ModelRef; student: StudentRef | null }; answer: GraphView }
  /** Pairs of values that are alike; `data` null: by shape and place alone. */
  pairs: {
    ask: {
      teacher: InspectedRef
      student: StudentRef
      data: { spec: DatasetSpec; inputs: TensorInfo[] } | null
      threads: number
    }
    answer: SuggestedPair[]
  }
  /** What pruning would do; `data` null: none is there. */
  prune: {
    ask: {
      parent: InspectedRef
      step: Step
      data: { spec: DatasetSpec; inputs: TensorInfo[] } | null
      threads: number
    }
    answer: PrunePreview
  }
  /** What a step of a quantization would do; `data` null: none is there. `statistics`: the folder in which statistics of activations are kept. */
  quantize: {
    ask: {
      parent: InspectedRef
      step: Step
      data: { spec: DatasetSpec; inputs: TensorInfo[] } | null
      statistics: string
      threads: number
    }
    answer: QuantizePreview
  }
  /** One layer looked into. `statistics`: the folder in which statistics of activations are kept. */
  layer: {
    ask: {
      model: ModelRef
      layer: string
      options: Record<string, unknown>
      data: { spec: DatasetSpec; inputs: TensorInfo[] }
      statistics: string
      threads: number
    }
    answer: LayerDetail
  }
}
export type AskKind = keyof Asks
export type AnyAsk = { [K in AskKind]: { kind: K } & Asks[K]['ask'] }[AskKind]

export type ToChild =
  /** `keepDir` is there for tasks that can be interrupted and go on. */
  | { type: 'run'; task: AnyTask; store: string; tempDir: string; keepDir?: string }
  | { type: 'cancel' }
  | { type: 'pause' }
  | { type: 'finish' }
  | { type: 'ask'; id: number; ask: AnyAsk }

export type FromChild =
  | { type: 'ready' }
  | { type: 'progress'; fraction: number; stage: string }
  | { type: 'log'; line: string }
  | { type: 'training'; record: TrainingRecord }
  | { type: 'search'; search: LiveSearch }
  | { type: 'done'; result: unknown }
  | { type: 'failed'; error: ErrorData; detail: string }
  | { type: 'answer'; id: number; value: unknown }
  | { type: 'refused'; id: number; error: ErrorData }

/** A stage without the numbers that change while it lasts. */
export function stageKind(stage: string): string {
  return stage.replace(/\d+/g, '')
}
