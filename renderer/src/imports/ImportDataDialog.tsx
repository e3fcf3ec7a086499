import { Button, Group } from '@mantine/core'
import { FlaskConical } from 'lucide-react'
import { useState } from 'react'
import { useApp } from '../store/app'
import { useQuery } from '../store/query'
import type { Dialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingLines } from '../ui/Loading'
import { DatasetForm } from './DatasetForm'
import classes from './imports.module.css'
import type { PickedFile } from './picked'
import { SourcePicker } from './SourcePicker'
import { useGrant } from './useGrant'

interface ImportDataDialogProps {
  picked?: readonly PickedFile[] | undefined
  next?: Dialog | undefined
}

const FORMATS = 'Pictures in a folder per class; npz, npy, IDX; numbers or texts in csv, jsonl, parquet'
const SAMPLES = [
  { id: 'sample:digits', name: 'Handwritten digits', title: 'Sample digits' },
  { id: 'sample:spam', name: 'Spam or ham', title: 'Sample mails' },
]

/** Brings data in: where it is, then how it feeds the model. */
export function ImportDataDialog({ picked, next }: ImportDataDialogProps) {
  const granting = useGrant(picked)
  const study = useApp(s => s.study)
  const [sample, setSample] = useState<(typeof SAMPLES)[number] | null>(null)
  const source = sample ?? granting.grant
  const again = () => {
    setSample(null)
    granting.reset()
  }
  if (!study) return <LoadingLines />
  if (!source) {
    return (
      <SourcePicker
        what="data"
        granting={granting}
        formats={FORMATS}
        accept=".npz,.npy,.csv,.jsonl,.txt,.parquet,.idx,.gz,.idx3-ubyte,.idx1-ubyte"
      >
        {SAMPLES.map(one => (
          <Button
            key={one.id}
            variant="default"
            leftSection={<FlaskConical size={14} aria-hidden />}
            onClick={() => setSample(one)}
          >
            {one.title}
          </Button>
        ))}
      </SourcePicker>
    )
  }
  return (
    <Probed
      key={source.id}
      study={study.id}
      file={source.id}
      name={source.name}
      onOther={again}
      next={next}
    />
  )
}

interface ProbedProps {
  study: string
  file: string
  name: string
  onOther(): void
  next: Dialog | undefined
}

function Probed({ study, file, name, onOther, next }: ProbedProps) {
  const probe = useQuery(`probe/${study}/${file}`, client => client.datasets.probe({ study, file }))
  if (probe.error) {
    return (
      <ErrorNotice
        error={probe.error}
        actions={
          <Group gap="xs">
            <Button size="compact-xs" variant="default" onClick={onOther}>
              Choose other data
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={probe.reload}>
              Try again
            </Button>
          </Group>
        }
      />
    )
  }
  if (!probe.data) {
    return (
      <div className={classes.dataset}>
        <LoadingLines lines={12} height={18} />
        <LoadingLines lines={8} height={18} />
      </div>
    )
  }
  return (
    <DatasetForm study={study} file={file} name={name} probe={probe.data} onOther={onOther} next={next} />
  )
}
