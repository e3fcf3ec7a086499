import { Boxes } from 'lucide-react'
import type { Study } from '../../../shared/domain'
import { ActionButton } from '../actions/ActionButton'
import { useApp } from '../store/app'
import { EmptyState } from '../ui/EmptyState'
import { LoadingLines } from '../ui/Loading'
import { DatasetList } from './DatasetList'
import { LineageTree } from './LineageTree'
import { RunningJobs } from './RunningJobs'
import classes from './tree.module.css'

/** The left part: the lineage, what is being made, and the data. */
export function TreePane({ study }: { study: Study | null }) {
  const none = useApp(s => s.studies?.length === 0)
  const importing = useApp(s => s.jobs.some(j => j.kind === 'import-model' && j.state === 'running'))
  return (
    <>
      <div className={classes.head}>
        <h2 className={classes.headTitle}>Variants</h2>
        <span style={{ color: 'var(--bt-dim)', fontSize: 12 }}>{study?.variants.length ?? ''}</span>
      </div>
      {!study && !none && (
        <div style={{ padding: 14, flex: 1 }}>
          <LoadingLines lines={8} height={18} />
        </div>
      )}
      {study && study.variants.length > 0 && <LineageTree study={study} />}
      {(none || study?.variants.length === 0) && (
        <div style={{ flex: 1, minHeight: 0 }}>
          <EmptyState
            icon={Boxes}
            title={importing ? 'Reading the model…' : 'No model yet'}
            actions={importing ? undefined : <ActionButton id="import-model" variant="filled" />}
          >
            The first model becomes the teacher: everything made from it is measured against it. Drop an .onnx
            file anywhere on the window.
          </EmptyState>
        </div>
      )}
      <RunningJobs studyId={study?.id ?? null} />
      {study && <DatasetList study={study} />}
    </>
  )
}
