import type { Evaluation, PerClass, Study, Variant } from '../../../shared/domain'
import { formatShare } from '../../../shared/format'
import { useQuery } from '../store/query'
import { type Column, DataTable } from '../ui/DataTable'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { Panel } from '../ui/Panel'
import { ConfusionMatrix } from './ConfusionMatrix'
import { MATRIX_CLASSES } from './confusion'
import classes from './overview.module.css'

interface ClassRow extends PerClass {
  index: number
  before: PerClass | undefined
}

const share = (value: number) => formatShare(value, 1)

const COLUMNS: readonly Column<ClassRow>[] = [
  { id: 'name', title: 'Class', width: 'minmax(3rem, 1.6fr)', value: r => r.name },
  { id: 'count', title: 'Samples', width: 'minmax(3.4rem, 1fr)', align: 'right', value: r => r.count },
  {
    id: 'recall',
    title: 'Recall',
    width: 'minmax(3.4rem, 1fr)',
    align: 'right',
    value: r => r.recall,
    render: r => (
      <span title={r.before && `Recall of the reference: ${share(r.before.recall)}`}>{share(r.recall)}</span>
    ),
  },
  {
    id: 'precision',
    title: 'Precision',
    width: 'minmax(4.2rem, 1fr)',
    align: 'right',
    value: r => r.precision,
    render: r => share(r.precision),
  },
  {
    id: 'missed',
    title: 'Missed',
    width: 'minmax(3.6rem, 1fr)',
    align: 'right',
    value: r => missed(r),
    render: r => <MissedCell row={r} />,
  },
]

function missed(c: PerClass): number {
  return Math.round(c.count * (1 - c.recall))
}

/** Errors in the class, with how many more or fewer than the reference makes: a count, so nothing is claimed. */
function MissedCell({ row }: { row: ClassRow }) {
  const change = row.before ? missed(row) - missed(row.before) : 0
  return (
    <span title={row.before && `${missed(row.before)} by the reference`}>
      {missed(row)}
      {change !== 0 && <span className={classes.dim}> ({change > 0 ? `+${change}` : `−${-change}`})</span>}
    </span>
  )
}

/** Recall and precision per class, and which classes are taken for which. Classifiers only. */
export function ClassesPanel({ variant, reference }: { study: Study; variant: Variant; reference: Variant }) {
  const own = useQuery(`study/${variant.id}/evaluation`, c => c.variants.evaluation({ id: variant.id }))
  const other = useQuery(reference.id === variant.id ? null : `study/${reference.id}/evaluation`, c =>
    c.variants.evaluation({ id: reference.id }),
  )
  if (own.error) return <ErrorNotice error={own.error} />
  if (own.data === undefined) return <LoadingBlock height={360} />
  if (own.data === null || own.data.perClass.length === 0) return null
  const rows = classRows(own.data, other.data ?? null)
  const tall = own.data.perClass.length > MATRIX_CLASSES
  return (
    <div className={classes.classes}>
      <Panel title="Classes" flush>
        <div style={{ height: tall ? 380 : rows.length * 30 + 34, minHeight: 0, display: 'flex' }}>
          <DataTable label="Classes" columns={COLUMNS} rows={rows} rowKey={r => String(r.index)} />
        </div>
      </Panel>
      {own.data.confusion.length > 0 && (
        <Panel title="Confusion">
          <ConfusionMatrix evaluation={own.data} reference={other.data ?? null} />
        </Panel>
      )}
    </div>
  )
}

function classRows(evaluation: Evaluation, reference: Evaluation | null): ClassRow[] {
  const before = new Map(reference?.perClass.map(c => [c.name, c]))
  return evaluation.perClass.map((c, index) => ({ ...c, index, before: before.get(c.name) }))
}
