import { spotlight } from '@mantine/spotlight'
import {
  ArrowLeftRight,
  ChartScatter,
  CircleHelp,
  Command,
  Eraser,
  ListTree,
  Moon,
  Rows3,
  Settings2,
} from 'lucide-react'
import { openDialog, openJobs, setLayout, useUi } from '../store/ui'
import type { Action } from './action'

/** Moves the keyboard to a part of the window. */
function focusPart(id: string): void {
  document.getElementById(id)?.focus()
}

export const VIEW_ACTIONS: readonly Action[] = [
  {
    id: 'palette',
    label: 'All actions',
    group: 'Help',
    icon: Command,
    shortcut: 'mod+K',
    global: true,
    available: () => true,
    run: () => spotlight.toggle(),
  },
  {
    id: 'jobs',
    label: 'Show or hide jobs',
    group: 'View',
    keywords: 'queue progress log cancel',
    icon: Rows3,
    shortcut: 'J',
    available: () => true,
    run: ({ ui }) => (ui.jobsOpen ? useUi.setState({ jobsOpen: false }) : openJobs()),
  },
  {
    id: 'focus-tree',
    label: 'Go to the variants',
    group: 'View',
    keywords: 'lineage tree keyboard focus',
    icon: ListTree,
    shortcut: 'G',
    available: () => true,
    run: () => focusPart('lineage'),
  },
  {
    id: 'focus-chart',
    label: 'Go to the chart',
    group: 'View',
    keywords: 'trade-off keyboard focus',
    icon: ChartScatter,
    shortcut: 'C',
    available: () => true,
    run: () => focusPart('tradeoff'),
  },
  {
    id: 'swap-axes',
    label: 'Swap the axes of the chart',
    group: 'View',
    keywords: 'x y metric',
    icon: ArrowLeftRight,
    shortcut: 'X',
    available: ({ app }) => app.study !== null,
    run: ({ ui }) => {
      const { xMetric, yMetric, xLog, yLog } = ui.layout
      setLayout({ xMetric: yMetric, yMetric: xMetric, xLog: yLog, yLog: xLog })
    },
  },
  {
    id: 'clear-limits',
    label: 'Clear the limits on the chart',
    group: 'View',
    keywords: 'constraint',
    icon: Eraser,
    available: ({ ui }) => ui.constraints.length > 0,
    run: () => useUi.setState({ constraints: [] }),
  },
  {
    id: 'theme',
    label: 'Switch between dark and light',
    group: 'View',
    keywords: 'theme colour',
    icon: Moon,
    shortcut: 'T',
    available: () => true,
    run: async ({ client }) => {
      const dark = document.documentElement.dataset.mantineColorScheme === 'dark'
      await client.settings.set({ theme: dark ? 'light' : 'dark' })
    },
  },
  {
    id: 'settings',
    label: 'Settings…',
    group: 'View',
    keywords: 'device threads theme preferences',
    icon: Settings2,
    shortcut: 'mod+,',
    global: true,
    available: () => true,
    run: () => openDialog({ kind: 'settings' }),
  },
  {
    id: 'keys',
    label: 'Keyboard shortcuts',
    group: 'Help',
    keywords: 'help',
    icon: CircleHelp,
    shortcut: '?',
    available: () => true,
    run: () => openDialog({ kind: 'keys' }),
  },
]
