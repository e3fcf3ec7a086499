import {
  Activity,
  Download,
  GitBranch,
  Grid2x2Check,
  Layers,
  type LucideIcon,
  SquareActivity,
  Timer,
  Workflow,
} from 'lucide-react'
import type { ReactNode } from 'react'
import { ExportTab } from './export/ExportTab'
import { GraphTab } from './graph/GraphTab'
import { LayersTab } from './layers/LayersTab'
import { OverviewTab } from './overview/OverviewTab'
import { PredictionsTab } from './predictions/PredictionsTab'
import { RecipeTab } from './recipe/RecipeTab'
import { SpeedTab } from './speed/SpeedTab'
import type { TabProps } from './tab-props'
import { TrainingTab } from './training/TrainingTab'

/** One tab of the selection. Its element fills the tab's area and scrolls itself. */
export interface StudyTab {
  id: string
  title: string
  icon: LucideIcon
  render(props: TabProps): ReactNode
}

/** In the order shown; digits 1, 2, … on the keyboard open them. */
export const TABS: readonly StudyTab[] = [
  { id: 'overview', title: 'Overview', icon: SquareActivity, render: props => <OverviewTab {...props} /> },
  { id: 'layers', title: 'Layers', icon: Layers, render: props => <LayersTab {...props} /> },
  { id: 'graph', title: 'Graph', icon: Workflow, render: props => <GraphTab {...props} /> },
  {
    id: 'predictions',
    title: 'Predictions',
    icon: Grid2x2Check,
    render: props => <PredictionsTab {...props} />,
  },
  { id: 'training', title: 'Training', icon: Activity, render: props => <TrainingTab {...props} /> },
  { id: 'speed', title: 'Speed', icon: Timer, render: props => <SpeedTab {...props} /> },
  { id: 'recipe', title: 'Recipe', icon: GitBranch, render: props => <RecipeTab {...props} /> },
  { id: 'export', title: 'Export', icon: Download, render: props => <ExportTab {...props} /> },
]
