import { Button, Tooltip } from '@mantine/core'
import { Gauge, ImagePlus } from 'lucide-react'
import { useState } from 'react'
import type { Study, Variant } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData } from '../client'
import { isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openDialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'

interface MeasureNowProps {
  study: Study
  variants: readonly Variant[]
  label?: string
  /** Beside other things, where measuring is not the next step. */
  quiet?: boolean
}

/** Measures the variants with the teacher at once; without data it asks for data first, unless only time is asked. */
export function MeasureNow({ study, variants, label = 'Measure now', quiet = false }: MeasureNowProps) {
  const client = useClient()
  const running = useApp(s => s.jobs.some(j => isActive(j) && j.kind === 'measure' && j.studyId === study.id))
  const importing = useApp(
    s =>
      study.datasets.length === 0 &&
      s.jobs.some(j => isActive(j) && j.kind === 'import-dataset' && j.studyId === study.id),
  )
  const [asking, setAsking] = useState(false)
  const [error, setError] = useState<ErrorData | null>(null)

  async function measure() {
    setAsking(true)
    setError(null)
    try {
      const ids = [...new Set(variants.map(v => v.id))]
      await client.measure.run({ study: study.id, variants: ids })
    } catch (failure) {
      setError(asErrorData(failure))
    } finally {
      setAsking(false)
    }
  }

  if (importing && !quiet) return <Button disabled>The data is being imported…</Button>
  if (study.datasets.length === 0 && !quiet && !running) {
    return (
      <Button leftSection={<ImagePlus size={14} />} onClick={() => openDialog({ kind: 'import-data' })}>
        Add data to measure on
      </Button>
    )
  }
  return (
    <>
      <Tooltip label="A measurement is under way" disabled={!running}>
        <Button
          variant={quiet ? 'default' : 'filled'}
          leftSection={<Gauge size={14} />}
          loading={asking}
          disabled={running}
          onClick={measure}
        >
          {running ? 'Measuring…' : label}
        </Button>
      </Tooltip>
      {error && <ErrorNotice error={error} onClose={() => setError(null)} />}
    </>
  )
}
