import { SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import type { Evaluation } from '../../../shared/domain'
import { colors } from '../ui/theme'
import { Swatch } from '../ui/values'
import { type Cell, confusedPairs, confusionCells, confusionChange, MATRIX_CLASSES } from './confusion'
import classes from './overview.module.css'

interface ConfusionMatrixProps {
  evaluation: Evaluation
  reference: Evaluation | null
}

/** Heat map of actual against predicted classes, or of its change; a list of pairs where classes are many. */
export function ConfusionMatrix({ evaluation, reference }: ConfusionMatrixProps) {
  const [mode, setMode] = useState<'counts' | 'change'>('counts')
  const names = evaluation.perClass.map(c => c.name)
  const change = reference ? confusionChange(evaluation.confusion, reference.confusion) : undefined
  if (names.length > MATRIX_CLASSES) return <PairList evaluation={evaluation} />
  const showChange = mode === 'change' && change !== undefined
  return (
    <div>
      {change && (
        <SegmentedControl
          mb="xs"
          value={mode}
          onChange={value => setMode(value === 'change' ? 'change' : 'counts')}
          data={[
            { value: 'counts', label: 'Samples' },
            { value: 'change', label: 'Change' },
          ]}
        />
      )}
      <Heat
        names={names}
        cells={showChange ? change : confusionCells(evaluation.confusion)}
        change={showChange}
      />
      <div className={classes.legend}>
        <span>Rows: label · columns: answer</span>
        <span>
          <Swatch color={colors.better} />
          {showChange ? 'better' : 'right'}
        </span>
        <span>
          <Swatch color={colors.worse} />
          {showChange ? 'worse' : 'wrong'}
        </span>
      </div>
    </div>
  )
}

function Heat({
  names,
  cells,
  change,
}: {
  names: readonly string[]
  cells: readonly Cell[]
  change: boolean
}) {
  const size = names.length
  return (
    <div
      className={classes.matrix}
      style={{ gridTemplateColumns: `minmax(1.25rem, auto) repeat(${size}, minmax(0, 1fr))` }}
      role="img"
      aria-label={change ? 'Change of the confusion matrix' : 'Confusion matrix'}
    >
      <span />
      {names.map(name => (
        <div key={name} className={classes.axis} title={name}>
          <span>{name}</span>
        </div>
      ))}
      {names.map((name, row) => [
        <div key={name} className={classes.axis} style={{ maxWidth: '5rem' }} title={name}>
          <span>{name}</span>
        </div>,
        ...cells.slice(row * size, (row + 1) * size).map(cell => (
          <div
            key={`${cell.actual} ${cell.predicted}`}
            className={classes.cell}
            style={{ background: fill(cell, change) }}
            title={`${name} → ${names[cell.predicted] ?? ''}: ${text(cell.value, change)}`}
          >
            {cell.value !== 0 && size <= 16 && text(cell.value, change)}
          </div>
        )),
      ])}
    </div>
  )
}

function text(value: number, change: boolean): string {
  return change && value > 0 ? `+${value}` : String(value).replace('-', '−')
}

/** More right answers and fewer errors are good; the strength is the colour's share. */
function fill(cell: Cell, change: boolean): string | undefined {
  if (cell.value === 0) return undefined
  const good = change ? cell.value > 0 === (cell.kind === 'right') : cell.kind === 'right'
  const share = Math.round(12 + cell.strength * 48)
  return `color-mix(in srgb, ${good ? colors.better : colors.worse} ${share}%, ${colors.raised})`
}

function PairList({ evaluation }: { evaluation: Evaluation }) {
  const pairs = confusedPairs(evaluation.confusion, 12)
  const name = (i: number) => evaluation.perClass[i]?.name ?? String(i)
  return (
    <div>
      <div className={classes.dim}>Most often taken for one another</div>
      <ol>
        {pairs.map(pair => (
          <li key={`${pair.actual} ${pair.predicted}`}>
            {name(pair.actual)} → {name(pair.predicted)}: {pair.count}
          </li>
        ))}
      </ol>
    </div>
  )
}
