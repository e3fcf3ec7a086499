/** What is open on the screen and how it is laid out. The layout is remembered in the browser. */
import { create } from 'zustand'
import type { FileGrant } from '../../../shared/contract'
import type { PickedFile } from '../imports/picked'
import { isPruning, isStaticQuantization, isTrainingTechnique } from '../variant/kinds'

export type Dialog =
  | { kind: 'new-variant'; parent: string; technique?: string; options?: Readonly<Record<string, unknown>> }
  /** Distillation or fine-tuning: options by technique, its student and its losses. */
  | { kind: 'train'; technique: string; parent: string; options?: Readonly<Record<string, unknown>> }
  | { kind: 'prune'; parent: string; technique?: string; options?: Readonly<Record<string, unknown>> }
  /** To 8 bits, layer by layer; `layer` is the one to begin at, by its id or name. */
  | {
      kind: 'quantize'
      parent: string
      technique?: string
      options?: Readonly<Record<string, unknown>>
      layer?: string
    }
  /** A search for mixed precision under way. */
  | { kind: 'search'; job: string }
  | { kind: 'import-model'; picked?: readonly PickedFile[]; grant?: FileGrant }
  | {
      kind: 'import-data'
      picked?: readonly PickedFile[]
      /** Opened when the import has begun: what the data was wanted for. */
      next?: Dialog
    }
  | { kind: 'settings' }
  | { kind: 'keys' }
  | { kind: 'new-study' }
  | { kind: 'rename-study'; id: string; name: string }
  | { kind: 'rename-variant'; id: string; name: string }
  | { kind: 'measure'; variants: readonly string[] }

/** The dialog in which a technique's options are chosen; `options` are values to begin with. */
export function techniqueDialog(
  technique: string,
  parent: string,
  options?: Readonly<Record<string, unknown>>,
): Dialog {
  return { kind: dialogOf(technique), technique, parent, ...(options ? { options } : {}) }
}

function dialogOf(technique: string): 'train' | 'prune' | 'quantize' | 'new-variant' {
  if (isTrainingTechnique(technique)) return 'train'
  if (isPruning(technique)) return 'prune'
  return isStaticQuantization(technique) ? 'quantize' : 'new-variant'
}

export interface Constraint {
  metric: string
  /** In the metric's unit; which side is allowed follows from whether higher or lower is better. */
  limit: number
}

export interface Layout {
  treeWidth: number
  /** Share of the centre's height that the chart has when the tabs are below it. */
  chartShare: number
  /** Width of the tabs when they are at the right. */
  sideWidth: number
  xMetric: string | null
  yMetric: string | null
  xLog: boolean
  yLog: boolean
  errorBars: boolean
  hintSeen: boolean
}

export interface UiState {
  dialog: Dialog | null
  jobsOpen: boolean
  /** Job whose log is shown in the drawer. */
  jobLog: string | null
  tab: string
  /** Variant that the tabs compare with; null is the study's teacher. */
  reference: string | null
  /** Training run to show while `variant` is selected: `job:ID` or `variant:ID`; another selection shows its own. */
  run: { variant: string; run: string } | null
  constraints: readonly Constraint[]
  layout: Layout
}

const KEY = 'bantam.layout'
const DEFAULT_LAYOUT: Layout = {
  treeWidth: 372,
  chartShare: 0.5,
  sideWidth: 640,
  xMetric: null,
  yMetric: null,
  xLog: false,
  yLog: false,
  errorBars: true,
  hintSeen: false,
}

function readLayout(): Layout {
  try {
    return { ...DEFAULT_LAYOUT, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') }
  } catch {
    return DEFAULT_LAYOUT
  }
}

export const initialUi: UiState = {
  dialog: null,
  jobsOpen: false,
  jobLog: null,
  tab: 'overview',
  reference: null,
  run: null,
  constraints: [],
  layout: DEFAULT_LAYOUT,
}

export const useUi = create<UiState>(() => ({ ...initialUi, layout: readLayout() }))

export function openDialog(dialog: Dialog): void {
  useUi.setState({ dialog })
}

export function closeDialog(): void {
  useUi.setState({ dialog: null })
}

export function setLayout(change: Partial<Layout>): void {
  const layout = { ...useUi.getState().layout, ...change }
  useUi.setState({ layout })
  localStorage.setItem(KEY, JSON.stringify(layout))
}

/** Sets, moves or (null) takes away the limit on a metric. */
export function setConstraint(metric: string, limit: number | null): void {
  useUi.setState(s => {
    const others = s.constraints.filter(c => c.metric !== metric)
    return { constraints: limit === null ? others : [...others, { metric, limit }] }
  })
}

export function openTab(tab: string): void {
  useUi.setState({ tab })
}

/** What the tabs compare the selected variant with; null is the teacher. */
export function compareWith(reference: string | null): void {
  useUi.setState({ reference })
}

/** Shows a training run in the tab, for as long as `variant` is selected. */
export function chooseRun(variant: string, run: string): void {
  useUi.setState({ run: { variant, run } })
}

export function openJobs(jobLog: string | null = null): void {
  useUi.setState({ jobsOpen: true, jobLog })
}
