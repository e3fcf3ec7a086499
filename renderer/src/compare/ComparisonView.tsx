import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core'
import { Crown, Download, Layers, X } from 'lucide-react'
import type { Variant } from '../../../shared/domain'
import { ActionItems } from '../actions/ActionMenu'
import { actionById } from '../actions/actions'
import { select, selectOnly } from '../store/app'
import { useQuery } from '../store/query'
import { compareWith } from '../store/ui'
import { MeasuredValue } from '../ui/values'
import { ChangeCell } from './ChangeCell'
import classes from './compare.module.css'
import { comparisonRows } from './comparison'

/** Several variants side by side: every metric, and its difference to the base with its interval. */
export function ComparisonView({ variants, teacher }: { variants: readonly Variant[]; teacher: Variant }) {
  // The teacher is the base where it takes part; else the one chosen first.
  const base = variants.find(v => v.id === teacher.id) ?? variants[0] ?? teacher
  const others = variants.filter(v => v.id !== base.id)
  const [second] = others
  const key = `study/compare/${base.id}/${others.map(v => v.id).join(',')}`
  const answers = useQuery(key, client =>
    Promise.all(others.map(v => client.variants.compare({ a: base.id, b: v.id }))),
  )
  const rows = comparisonRows(base, others, answers.data)
  return (
    <div className={classes.view}>
      <div className={classes.bar}>
        <strong>Comparing {variants.length}</strong>
        <span className={classes.note}>Differences are to {base.name}, on the samples both saw.</span>
        <div style={{ marginLeft: 'auto', display: 'flex', gap: 6 }}>
          {second && others.length === 1 && (
            <Tooltip label="Layers, predictions and speed of the two">
              <Button
                variant="subtle"
                color="gray"
                leftSection={<Layers size={14} aria-hidden />}
                onClick={() => {
                  compareWith(base.id === teacher.id ? null : base.id)
                  selectOnly([second.id])
                }}
              >
                In tabs
              </Button>
            </Tooltip>
          )}
          <Menu position="bottom-end" width={280}>
            <Menu.Target>
              <Button variant="subtle" color="gray" leftSection={<Download size={14} aria-hidden />}>
                Save
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <ActionItems actions={['table-csv', 'table-json', 'report'].map(actionById)} />
            </Menu.Dropdown>
          </Menu>
          <Button variant="subtle" color="gray" onClick={() => selectOnly([variants[0]?.id ?? teacher.id])}>
            Done
          </Button>
        </div>
      </div>
      {answers.error && <div className={classes.error}>{answers.error.message}</div>}
      <div className={classes.scroll}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              {[base, ...others].map((variant, i) => (
                <th key={variant.id} scope="col" data-base={i === 0 || undefined}>
                  <div className={classes.head}>
                    {variant.parentId === null && (
                      <Crown size={13} color="var(--bt-teacher)" aria-label="Teacher" />
                    )}
                    <span className="ellipsis" title={variant.name}>
                      {variant.name}
                    </span>
                    <Tooltip label="Take out of the comparison">
                      <ActionIcon
                        size="xs"
                        aria-label={`Take ${variant.name} out of the comparison`}
                        onClick={() => select(variant.id, true)}
                      >
                        <X size={12} aria-hidden />
                      </ActionIcon>
                    </Tooltip>
                  </div>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(row => (
              <tr key={row.metric.id}>
                <th scope="row">{row.metric.title}</th>
                {row.cells.map((cell, i) => (
                  <td
                    key={cell.variant.id}
                    data-base={i === 0 || undefined}
                    data-best={cell.best || undefined}
                  >
                    <MeasuredValue measured={cell.measured} unit={row.metric.unit} compact={i > 0} />
                    {cell.best && <span className="sr-only"> (best)</span>}
                    {i > 0 && (
                      <ChangeCell cell={cell} metric={row.metric} loading={!answers.data && !answers.error} />
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}
