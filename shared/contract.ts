/**
 * The one contract between the screen and the engine. Served over a MessagePort (Electron), a WebSocket (host)
 * and called in process (tests). Files never cross it as paths: `FileGrant` ids stand for files a person chose.
 * Bulk bytes go beside it: see `routes`.
 */
import { eventIterator, oc } from '@orpc/contract'
import { z } from 'zod'
import {
  Advice,
  Benchmark,
  DataProbe,
  DatasetRecord,
  DatasetSpec,
  Device,
  Difference,
  Evaluation,
  Hardware,
  Job,
  LatencyRatio,
  LayerSummary,
  Note,
  Plan,
  Prediction,
  Preprocessing,
  Profile,
  SamplePreview,
  Settings,
  Step,
  Study,
  StudyHead,
  TechniqueInfo,
} from './domain'
import { ErrorData } from './errors'
import { IMPORTANCES, PrunePreview, PruneSensitivity } from './prune'
import { LayerDetail, LiveSearch, QuantizePreview, QuantizeSensitivity } from './quantize'
import { GraphView, StudentPreview, SuggestedPair, TrainingRecord } from './training'

/** A file or folder a person chose: made by a dialog, a drop, an upload or (host only) a typed path. */
export const FileGrant = z.object({
  id: z.string(),
  name: z.string(),
  isDirectory: z.boolean(),
  bytes: z.number(),
})
export type FileGrant = z.infer<typeof FileGrant>

/** A file the engine made for a person to save. */
export const Artifact = z.object({ id: z.string(), name: z.string(), bytes: z.number(), mime: z.string() })
export type Artifact = z.infer<typeof Artifact>

/** Something changed; the screen fetches what it shows again. Job updates come whole, at most ten a second. */
export const AppEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('studies') }),
  z.object({ type: z.literal('study'), id: z.string() }),
  z.object({ type: z.literal('job'), job: Job }),
  z.object({ type: z.literal('settings'), settings: Settings }),
  /** A training job has new points; its record is fetched again. */
  z.object({ type: z.literal('training'), job: z.string() }),
  /** A search measured a further trial; what it tried is fetched again. */
  z.object({ type: z.literal('search'), job: z.string() }),
])
export type AppEvent = z.infer<typeof AppEvent>

/** What was the matter with speed, in words, with the evidence. */
export const SpeedReport = z.object({
  reference: Profile,
  variant: Profile,
  ratio: LatencyRatio.nullable(),
  findings: z.array(Note),
})
export type SpeedReport = z.infer<typeof SpeedReport>

/** The samples that ship with Bantam. */
export const SampleName = z.enum(['digits', 'spam'])
export type SampleName = z.infer<typeof SampleName>

const id = z.object({ id: z.string() })
/** Every procedure may answer with an ORPCError of code BANTAM whose data is this. */
const base = oc.errors({ BANTAM: { data: ErrorData } })

/** Options of `quantize.static-int8`; those not named have their defaults. */
const StaticChoices = z.record(z.string(), z.unknown()).optional()

export const contract = {
  app: {
    info: base.output(
      z.object({
        version: z.string(),
        /** electron: native dialogs; host: a browser page served on this machine. */
        shell: z.enum(['electron', 'host']),
        hardware: Hardware,
        devices: z.array(
          z.object({ id: Device, label: z.string(), available: z.boolean(), reason: z.string() }),
        ),
        techniques: z.array(TechniqueInfo),
      }),
    ),
    events: base.output(eventIterator(AppEvent)),
  },
  settings: {
    get: base.output(Settings),
    set: base.input(Settings.partial()).output(Settings),
  },
  files: {
    /** Host only: grants a path on the machine the host runs on. In Electron it is refused as `unsupported`. */
    fromPath: base.input(z.object({ path: z.string() })).output(FileGrant),
  },
  studies: {
    list: base.output(z.array(StudyHead)),
    get: base.input(id).output(Study),
    create: base.input(z.object({ name: z.string().min(1).max(200) })).output(StudyHead),
    /** A sample study, that of the digits made on first start; opening it again returns the same one. */
    sample: base.input(z.object({ name: SampleName.default('digits') })).output(StudyHead),
    rename: base.input(id.extend({ name: z.string().min(1).max(200) })).output(StudyHead),
    remove: base.input(id).output(z.object({})),
    /**
     * Undo of a removal, for as long as the app runs. A variant comes back with what was removed together with it;
     * `conflict` when its parent is still removed, or when a new teacher took its place.
     */
    restore: base
      .input(z.object({ kind: z.enum(['study', 'variant', 'dataset']), id: z.string() }))
      .output(z.object({})),
    /** The comparison of all variants as CSV or JSON. */
    table: base.input(id.extend({ format: z.enum(['csv', 'json']) })).output(Artifact),
    /** Job: a self-contained HTML report. The job's result is an artifact id. */
    report: base.input(id).output(Job),
  },
  models: {
    /**
     * Job: checks, stores and inspects a model as the study's teacher (or as a variant of `parent`); a job that
     * measures it follows. `conflict` when the study has a teacher and no `parent` is named.
     */
    import: base
      .input(z.object({ study: z.string(), file: z.string(), parent: z.string().nullable().default(null) }))
      .output(Job),
  },
  datasets: {
    /** What a file or folder offers, with suggested choices for the study's teacher. `file` is a grant, or a sample id. */
    probe: base.input(z.object({ study: z.string(), file: z.string() })).output(DataProbe),
    /** Samples as they are and as the model would see them, under choices not yet saved. */
    preview: base
      .input(
        z.object({
          study: z.string(),
          file: z.string(),
          spec: DatasetSpec,
          indices: z.array(z.number()).max(16),
        }),
      )
      .output(z.object({ samples: z.array(SamplePreview), notes: z.array(Note) })),
    /**
     * Job: reads every sample once, checks it against the teacher, stores the specification; a job that measures all
     * variants on it follows. Of `spec.source` only a range of samples (`#0:2000`) counts: the rest comes from `file`.
     */
    import: base
      .input(z.object({ study: z.string(), file: z.string(), name: z.string(), spec: DatasetSpec }))
      .output(Job),
    get: base.input(id).output(DatasetRecord),
    remove: base.input(id).output(z.object({})),
    preprocessing: base.input(id).output(Preprocessing.nullable()),
  },
  techniques: {
    advise: base.input(z.object({ variant: z.string(), step: Step })).output(Advice),
  },
  variants: {
    /**
     * Job: technique → verified file → evaluation, benchmark and profile against the teacher. Options are checked
     * before the job is made (`bad-option` with the field in `where`). A measurement that fails does not lose the
     * variant: `verification.notes` then holds a note of code `not-measured`.
     */
    create: base
      .input(
        z.object({
          parent: z.string(),
          step: Step,
          name: z.string().optional(),
          seed: z.number().int().default(0),
          /** Where a training runs; absent, where the settings say. */
          device: Device.optional(),
        }),
      )
      .output(Job),
    rename: base.input(id.extend({ name: z.string().min(1).max(200) })).output(z.object({})),
    /** Removes a variant and what was made from it. */
    remove: base.input(id).output(z.object({ removed: z.array(z.string()) })),
    layers: base.input(id).output(z.array(LayerSummary)),
    evaluation: base.input(id).output(Evaluation.nullable()),
    plan: base.input(id).output(Plan.nullable()),
    /** The steps from the teacher to this variant, as recipe YAML. */
    recipe: base.input(id).output(z.object({ yaml: z.string() })),
    speed: base.input(id).output(SpeedReport.nullable()),
    /** Differences between any two evaluated variants, on the samples both saw. */
    compare: base
      .input(z.object({ a: z.string(), b: z.string() }))
      .output(z.object({ differences: z.array(Difference), ratios: z.array(LatencyRatio) })),
    predictions: base
      .input(
        id.extend({
          /** Compared with the teacher when absent. */
          reference: z.string().optional(),
          filter: z.enum(['differ', 'broken', 'fixed', 'wrong', 'all']),
          offset: z.number().int().min(0),
          limit: z.number().int().min(1).max(200),
        }),
      )
      .output(
        z.object({ total: z.number(), counts: z.record(z.string(), z.number()), items: z.array(Prediction) }),
      ),
    /** The ONNX file, or a zip when it has external data; with the evidence beside it. */
    export: base.input(id.extend({ format: z.enum(['onnx', 'evidence']) })).output(Artifact),
    /** Job: deployment bundle as a zip. */
    bundle: base.input(id).output(Job),
  },
  distill: {
    /** What a student of a variant would be. Measures for a moment: a second or two. `student` as in `DistillOptions`. */
    preview: base.input(z.object({ parent: z.string(), student: z.string() })).output(StudentPreview),
    /** Graph of a variant, or of a student made from it. */
    graph: base
      .input(z.object({ variant: z.string(), student: z.string().nullable().default(null) }))
      .output(GraphView),
    /** Pairs of values that are alike on samples of the study's data; without data by shape and place. */
    pairs: base.input(z.object({ parent: z.string(), student: z.string() })).output(z.array(SuggestedPair)),
  },
  prune: {
    /** What a step of `prune.` would do. Recovery is left out; with a latency target it takes longer than a moment. */
    preview: base.input(z.object({ parent: z.string(), step: Step })).output(PrunePreview),
    /** What was measured last of the variant's model on the study's current data; null where nothing was. */
    sensitivity: base.input(z.object({ variant: z.string() })).output(PruneSensitivity.nullable()),
    /** Job: makes each part smaller alone, by these shares kept, and measures what it costs. */
    measure: base
      .input(
        z.object({
          variant: z.string(),
          importance: z.enum(IMPORTANCES).default('l2'),
          keeps: z.array(z.number().gt(0).lt(1)).min(1).max(16).default([0.75, 0.5, 0.25]),
          samples: z.number().int().min(1).max(100_000).default(256),
        }),
      )
      .output(Job),
  },
  quantize: {
    /**
     * What was measured last of the variant's model on the study's current data; null where nothing was. While a job
     * measures, the layers that are done.
     */
    sensitivity: base.input(z.object({ variant: z.string() })).output(QuantizeSensitivity.nullable()),
    /** Job: makes each layer alone compute in 8 bits, and measures what it costs. Options are of static int8. */
    measure: base
      .input(
        z.object({
          variant: z.string(),
          options: StaticChoices,
          samples: z.number().int().min(1).max(100_000).default(256),
        }),
      )
      .output(Job),
    /** Where the values of a layer lie, and why it loses what it loses. `layer`: its id in the sensitivity. */
    layer: base
      .input(z.object({ variant: z.string(), layer: z.string().min(1), options: StaticChoices }))
      .output(LayerDetail),
    /**
     * What a step of `TRIED_BEFOREHAND` would do: measured on samples outside the test split, where there is data, and
     * timed for a moment. Newer questions go before older ones.
     */
    preview: base.input(z.object({ parent: z.string(), step: Step })).output(QuantizePreview),
    /** What the job of a search for mixed precision tried so far; null before its first trial and for other jobs. */
    search: base.input(id).output(LiveSearch.nullable()),
  },
  training: {
    /** What a training job reported so far; null before its first step and for other jobs. */
    job: base.input(id).output(TrainingRecord.nullable()),
    /** How a variant was trained; null where it was not. */
    variant: base.input(id).output(TrainingRecord.nullable()),
  },
  measure: {
    /** Job: evaluates and benchmarks the given variants together, interleaved with the teacher. */
    run: base
      .input(
        z.object({
          study: z.string(),
          variants: z.array(z.string()).min(1),
          batches: z.array(z.number().int().min(1)).default([1, 32]),
          threads: z.array(z.number().int().min(1)).default([1]),
        }),
      )
      .output(Job),
    latest: base.input(z.object({ study: z.string() })).output(Benchmark.nullable()),
  },
  jobs: {
    list: base.output(z.array(Job)),
    log: base.input(id).output(z.object({ lines: z.array(z.string()) })),
    /** Takes a waiting job out of the queue, or stops a running one (killed after two seconds if it does not hear). */
    cancel: base.input(id).output(z.object({})),
    /** Training jobs: stops after the step at hand and keeps its place; `resume` goes on from there, bit for bit. */
    pause: base.input(id).output(z.object({})),
    resume: base.input(id).output(Job),
    /** Trainings and searches: no further epoch or trial; the best so far becomes the variant. */
    finish: base.input(id).output(z.object({})),
    /** Queues a failed or cancelled job again, under the same id. */
    retry: base.input(id).output(Job),
    /** Forgets finished jobs. */
    clear: base.output(z.object({})),
  },
  artifacts: { get: base.input(id).output(Artifact) },
}
export type Contract = typeof contract

/** Beside the contract, on the same origin (`http://127.0.0.1:PORT` or `app://bundle`). */
export const routes = {
  /** GET: a sample's picture as PNG. */
  sampleImage: (dataset: string, index: number) => `/data/${dataset}/${index}.png`,
  /** GET: an artifact's bytes, with its name as attachment. */
  artifact: (artifact: string) => `/artifacts/${artifact}`,
  /**
   * POST (host only): body is the file; answers with a `FileGrant`, or with `ErrorData` and a status of 422 or 507.
   * Files with the same `group` lie side by side. A name with folders (`digits/3/17.png`) makes them and answers with
   * the grant of the topmost folder, the same for every file in it.
   */
  upload: (name: string, group: string) =>
    `/upload?name=${encodeURIComponent(name)}&group=${encodeURIComponent(group)}`,
}
