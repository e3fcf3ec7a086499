import { ActionIcon, Tooltip } from '@mantine/core'
import { Database, Plus, Trash2 } from 'lucide-react'
import type { DatasetRecord, Study } from '../../../shared/domain'
import { formatExact } from '../../../shared/format'
import { currentScreen } from '../actions/action'
import { actionById, perform } from '../actions/actions'
import type { Client } from '../client'
import { isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { notifyError, notifyUndo } from '../ui/notify'
import classes from './datasets.module.css'

async function remove(client: Client, dataset: DatasetRecord): Promise<void> {
  await client.datasets.remove({ id: dataset.id })
  notifyUndo(`Removed the data ${dataset.name}`, () => {
    client.studies.restore({ kind: 'dataset', id: dataset.id }).catch(notifyError)
  })
}

/** Data of the study, with its splits. */
export function DatasetList({ study }: { study: Study }) {
  const client = useClient()
  const importing = useApp(s =>
    s.jobs.some(j => isActive(j) && j.kind === 'import-dataset' && j.studyId === study.id),
  )
  return (
    <section className={classes.section} aria-label="Data">
      <div className={classes.head}>
        <h2>Data</h2>
        <Tooltip label="Import data (D)">
          <ActionIcon
            size="sm"
            aria-label="Import data"
            disabled={study.variants.length === 0}
            onClick={() => perform(actionById('import-data'), currentScreen(client))}
          >
            <Plus size={15} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </div>
      {study.datasets.length === 0 && (
        <p className={classes.empty}>
          {study.variants.length === 0
            ? 'Comes after the model.'
            : importing
              ? 'Being imported.'
              : 'None yet. Without data only size and speed can be measured.'}
        </p>
      )}
      {study.datasets.map(dataset => (
        <div key={dataset.id} className={classes.dataset}>
          <Database size={14} color="var(--bt-dim)" aria-hidden />
          <div style={{ minWidth: 0, flex: 1 }}>
            <div className="ellipsis" title={dataset.spec.source} style={{ fontWeight: 550 }}>
              {dataset.name}
            </div>
            <div className={`${classes.detail} ellipsis`}>
              {formatExact(dataset.count)} samples · {formatExact(dataset.splits.calibration)} calibration ·{' '}
              {formatExact(dataset.splits.test)} test
            </div>
          </div>
          <ActionIcon
            size="sm"
            className={classes.remove}
            aria-label={`Remove ${dataset.name}`}
            onClick={() => {
              remove(client, dataset).catch(notifyError)
            }}
          >
            <Trash2 size={14} aria-hidden />
          </ActionIcon>
        </div>
      ))}
    </section>
  )
}
