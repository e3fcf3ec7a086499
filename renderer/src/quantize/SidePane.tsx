import { Button, SegmentedControl } from '@mantine/core'
import { Wand2 } from 'lucide-react'
import type { QuantizePreview, QuantizeSensitivity } from '../../../shared/quantize'
import { groupNotes } from '../overview/group-notes'
import { useQuery } from '../store/query'
import { NoteList } from '../ui/NoteList'
import { networkOptions } from './choices'
import { LayerPanel } from './LayerPanel'
import { NetworkPanel } from './NetworkPanel'
import classes from './quantize.module.css'
import type { Row } from './rows'
import type { QuantizeForm } from './useQuantizeForm'

export const VIEWS = ['layer', 'network', 'notes'] as const
export type View = (typeof VIEWS)[number]

interface SidePaneProps {
  form: QuantizeForm
  losses: QuantizeSensitivity | null
  rows: readonly Row[]
  row: Row | undefined
  /** Hash of the data that ranges come from. */
  data: string
  preview: QuantizePreview | undefined
  view: View
  onView(view: View): void
  onSelect(id: string): void
}

/** The layer that is chosen, the whole network, and what there is to know of the result. */
export function SidePane({ form, losses, rows, row, data, preview, view, onView, onSelect }: SidePaneProps) {
  const options = networkOptions(form.values)
  const id = row?.layer.id ?? null
  const detail = useQuery(
    // As the preview, not asked again with every change of the study.
    id === null ? null : `quantize/layer/${form.parent.id}/${data}/${id}/${JSON.stringify(options)}`,
    c => c.quantize.layer({ variant: form.parent.id, layer: id ?? '', options }),
  )
  const declined = losses?.declined ?? []
  const notes = [
    ...(preview?.notes ?? []).map(message => ({ code: message, severity: 'info' as const, message })),
    ...groupNotes(
      declined.map(({ id: name, node, reason }) => ({
        code: 'declined',
        severity: 'info' as const,
        message: reason,
        node: node || name,
      })),
    ),
  ]
  return (
    <section className={classes.side} aria-label="Choices">
      <div className={classes.sideHead}>
        <SegmentedControl
          aria-label="Choices for"
          value={view}
          onChange={value => onView(VIEWS.find(v => v === value) ?? 'layer')}
          data={[
            { value: 'layer', label: 'This layer' },
            { value: 'network', label: 'Whole network' },
            { value: 'notes', label: notes.length > 0 ? `Notes (${notes.length})` : 'Notes' },
          ]}
        />
        {form.canSearch && (
          <Button
            size="compact-sm"
            variant="light"
            ml="auto"
            leftSection={<Wand2 size={13} aria-hidden />}
            onClick={() => form.setMode('search')}
          >
            Find it for me
          </Button>
        )}
      </div>
      <div className={classes.box}>
        {view === 'layer' &&
          (row && losses ? (
            <LayerPanel row={row} metric={losses.metric} detail={detail} form={form} />
          ) : (
            <p className={classes.empty}>
              Measure the sensitivity first: then choose a layer to see why it loses what it loses. What holds
              for the whole network can be chosen now.
            </p>
          ))}
        {view === 'network' && <NetworkPanel form={form} rows={rows} onSelect={onSelect} />}
        {view === 'notes' &&
          (notes.length > 0 ? (
            <div className={classes.scroll}>
              <NoteList notes={notes} />
            </div>
          ) : (
            <p className={classes.empty}>There is nothing to note.</p>
          ))}
      </div>
    </section>
  )
}
