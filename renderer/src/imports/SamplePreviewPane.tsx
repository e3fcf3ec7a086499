import { ActionIcon, Group } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { ArrowLeft, ArrowRight } from 'lucide-react'
import { useRef, useState } from 'react'
import type { DatasetSpec, SamplePreview } from '../../../shared/domain'
import { formatExact } from '../../../shared/format'
import { useQuery } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { NoteList } from '../ui/NoteList'
import classes from './imports.module.css'
import { TextSample } from './TextSample'

interface SamplePreviewPaneProps {
  study: string
  file: string
  spec: DatasetSpec
  count: number
}

/** A sample as it is, and as the model would see it under the choices made so far. */
export function SamplePreviewPane({ study, file, spec, count }: SamplePreviewPaneProps) {
  const [index, setIndex] = useState(0)
  const [settled] = useDebouncedValue(spec, 300)
  const key = `preview/${study}/${file}/${index}/${JSON.stringify(settled)}`
  const query = useQuery(key, client =>
    client.datasets.preview({ study, file, spec: settled, indices: [index] }),
  )
  // The sample before stays while the next is made.
  const last = useRef<typeof query.data>(undefined)
  if (query.data) last.current = query.data
  const shown = query.data ?? last.current
  const sample = shown?.samples[0]
  const step = (by: number) => setIndex(i => (i + by + count) % Math.max(1, count))
  return (
    <div className={classes.sample}>
      <Group justify="space-between">
        <h3>Preview</h3>
        <Group gap={4}>
          <ActionIcon size="sm" aria-label="Sample before" onClick={() => step(-1)}>
            <ArrowLeft size={14} aria-hidden />
          </ActionIcon>
          <span className={`${classes.dim} num`}>
            {formatExact(index + 1)} of {formatExact(count)}
          </span>
          <ActionIcon size="sm" aria-label="Next sample" onClick={() => step(1)}>
            <ArrowRight size={14} aria-hidden />
          </ActionIcon>
        </Group>
      </Group>
      {query.error && <ErrorNotice error={query.error} />}
      {!sample && !query.error && <LoadingBlock height={240} />}
      {sample && !query.error && <Sample sample={sample} />}
      {shown && !query.error && <NoteList notes={shown.notes} max={4} />}
    </div>
  )
}

/** Whole numbers, such as those of tokens, as they are. */
function figureOf(type: string, value: number): string {
  return type.includes('int') && Number.isInteger(value) ? String(value) : figure(value)
}

function figure(value: number): string {
  return Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.001)
    ? value.toExponential(2)
    : value.toFixed(3)
}

/** The picture as it is, and beside it the tensor made from it, drawn from its smallest to its largest value. */
function Pictures({ sample }: { sample: SamplePreview }) {
  const { image, seen, index } = sample
  const tensor = sample.tensors.find(t => t.shape.length > 2) ?? sample.tensors[0]
  if (!image && !seen) return null
  return (
    <>
      <div className={classes.pictures} data-both={(image && seen) || undefined}>
        {image && (
          <figure>
            <img className={classes.picture} src={image} alt={`Sample ${index}`} />
            <figcaption>as it is</figcaption>
          </figure>
        )}
        {seen && (
          <figure>
            <img className={classes.picture} src={seen} alt={`Sample ${index} as the model sees it`} />
            <figcaption>as the model sees it</figcaption>
          </figure>
        )}
      </div>
      {seen && tensor && (
        <div className={classes.dim}>
          Drawn from {figure(tensor.min)} (black) to {figure(tensor.max)} (white).
        </div>
      )}
    </>
  )
}

function Sample({ sample }: { sample: SamplePreview }) {
  return (
    <>
      <Pictures sample={sample} />
      {sample.text && <TextSample text={sample.text} />}
      {sample.label !== null && (
        <div>
          <span className={classes.dim}>Label</span> <strong>{sample.label}</strong>
        </div>
      )}
      <h4>What the model sees</h4>
      {sample.tensors.map(tensor => (
        <div key={tensor.name} className={classes.tensor}>
          <div>
            <strong>{tensor.name}</strong>{' '}
            <span className={classes.dim}>{`${tensor.type} ${tensor.shape.join('×')}`}</span>
          </div>
          <div className={classes.numbers}>
            {(['min', 'mean', 'max'] as const).map(part => (
              <div key={part}>
                <div className={classes.dim}>{part}</div>
                {figureOf(tensor.type, tensor[part])}
              </div>
            ))}
          </div>
          <div className={classes.head}>
            {tensor.head.map(value => figureOf(tensor.type, value)).join('  ')} …
          </div>
        </div>
      ))}
    </>
  )
}
