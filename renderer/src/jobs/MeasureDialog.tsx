import { Button, Checkbox, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { Variant } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData } from '../client'
import { useApp } from '../store/app'
import { useClient } from '../store/connection'
import { closeDialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'

const BATCHES = ['1', '8', '32', '128']

/** 'Static int8 and the teacher take turns …'; a teacher alone has none to take turns with. */
function whatIsMeasured(chosen: readonly Variant[]): string {
  const [first] = chosen
  if (chosen.length === 1 && first?.parentId === null)
    return `Quality, latency, memory and energy of ${first.name}.`
  const others = chosen.filter(v => v.parentId !== null)
  const who = others.length === 1 ? others[0]?.name : `${others.length} variants`
  return `${who} and the teacher take turns on the same inputs, so that what slows the machine for a moment slows them alike.`
}

/** What to measure again, and under which loads. */
export function MeasureDialog({ variants }: { variants: readonly string[] }) {
  const client = useClient()
  const study = useApp(s => s.study)
  const cores = useApp(s => s.info?.hardware.physicalCores ?? 1)
  const [batches, setBatches] = useState(['1', '32'])
  const [threads, setThreads] = useState(['1'])
  const [error, setError] = useState<ErrorData | null>(null)
  const [busy, setBusy] = useState(false)
  const chosen = study?.variants.filter(v => variants.includes(v.id)) ?? []
  const threadChoices = [...new Set([1, 2, 4, cores])].filter(n => n <= cores).sort((a, b) => a - b)
  async function start() {
    if (!study) return
    setBusy(true)
    try {
      await client.measure.run({
        study: study.id,
        variants: chosen.map(v => v.id),
        batches: batches.map(Number).sort((a, b) => a - b),
        threads: threads.map(Number).sort((a, b) => a - b),
      })
      closeDialog()
    } catch (thrown) {
      setError(asErrorData(thrown))
      setBusy(false)
    }
  }
  return (
    <Stack gap="md">
      <Text size="sm">
        {whatIsMeasured(chosen)}
        {study?.datasets.length === 0 &&
          ' The study has no data: only speed and agreement on made-up inputs can be measured.'}
      </Text>
      <Checkbox.Group label="Batch sizes" value={batches} onChange={setBatches}>
        <Group gap="lg" mt={6}>
          {BATCHES.map(b => (
            <Checkbox key={b} value={b} label={b} />
          ))}
        </Group>
      </Checkbox.Group>
      <Checkbox.Group label="Threads" value={threads} onChange={setThreads}>
        <Group gap="lg" mt={6}>
          {threadChoices.map(n => (
            <Checkbox key={n} value={String(n)} label={n} />
          ))}
        </Group>
      </Checkbox.Group>
      {error && <ErrorNotice error={error} />}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={closeDialog}>
          Cancel
        </Button>
        <Button
          onClick={() => void start()}
          loading={busy}
          disabled={chosen.length === 0 || batches.length === 0 || threads.length === 0}
        >
          Measure
        </Button>
      </Group>
    </Stack>
  )
}
