import { ActionIcon, Button, Select, Tooltip } from '@mantine/core'
import { ArrowLeftRight, X } from 'lucide-react'
import type { Study } from '../../../shared/domain'
import type { Metric } from '../../../shared/metrics'
import { setLayout, useUi } from '../store/ui'
import classes from './chart.module.css'
import { constraintText } from './constraints'

interface ChartToolbarProps {
  study: Study
  x: Metric
  y: Metric
  choices: readonly Metric[]
  /** How many variants are on the chart. */
  shown: number
}

/** What is on the axes, how it is drawn, and how many variants meet the limits. */
export function ChartToolbar({ study, x, y, choices, shown }: ChartToolbarProps) {
  const layout = useUi(s => s.layout)
  const constraints = useUi(s => s.constraints)
  const missing = study.variants.length - shown
  return (
    <div className={classes.toolbar}>
      <AxisChoice
        label="Vertical"
        value={y}
        choices={choices}
        log={layout.yLog}
        onMetric={yMetric => setLayout({ yMetric })}
        onLog={yLog => setLayout({ yLog })}
      />
      <Tooltip label="Swap the axes (X)">
        <ActionIcon
          size="sm"
          aria-label="Swap the axes"
          onClick={() => setLayout({ xMetric: y.id, yMetric: x.id, xLog: layout.yLog, yLog: layout.xLog })}
        >
          <ArrowLeftRight size={14} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <AxisChoice
        label="Horizontal"
        value={x}
        choices={choices}
        log={layout.xLog}
        onMetric={xMetric => setLayout({ xMetric })}
        onLog={xLog => setLayout({ xLog })}
      />
      <Toggle
        label="Intervals"
        title="Show 95 % intervals"
        on={layout.errorBars}
        onChange={errorBars => setLayout({ errorBars })}
      />
      <div className={classes.status} aria-live="polite">
        {constraints.length > 0 ? (
          <>
            <strong>{constraintText(study.variants, constraints)}</strong>
            <Tooltip label="Clear the limits">
              <ActionIcon
                size="xs"
                aria-label="Clear the limits"
                onClick={() => useUi.setState({ constraints: [] })}
              >
                <X size={13} aria-hidden />
              </ActionIcon>
            </Tooltip>
          </>
        ) : (
          missing > 0 && `${missing} without these values`
        )}
      </div>
    </div>
  )
}

interface AxisChoiceProps {
  label: string
  value: Metric
  choices: readonly Metric[]
  log: boolean
  onMetric(id: string): void
  onLog(log: boolean): void
}

function AxisChoice({ label, value, choices, log, onMetric, onLog }: AxisChoiceProps) {
  return (
    <div className={classes.axis}>
      <Select
        aria-label={`${label} axis`}
        data={choices.map(m => ({ value: m.id, label: m.title }))}
        value={value.id}
        onChange={id => id && onMetric(id)}
        allowDeselect={false}
        w={{ base: 132, lg: 176 }}
        comboboxProps={{ width: 240, position: 'bottom-start', shadow: 'md' }}
        maxDropdownHeight={340}
        checkIconPosition="right"
      />
      <Toggle label="log" title={`Logarithmic ${label.toLowerCase()} axis`} on={log} onChange={onLog} />
    </div>
  )
}

function Toggle({
  label,
  title,
  on,
  onChange,
}: {
  label: string
  title: string
  on: boolean
  onChange(on: boolean): void
}) {
  return (
    <Tooltip label={title}>
      <Button
        size="compact-xs"
        variant={on ? 'light' : 'subtle'}
        color={on ? undefined : 'gray'}
        aria-pressed={on}
        aria-label={title}
        onClick={() => onChange(!on)}
      >
        {label}
      </Button>
    </Tooltip>
  )
}
