import { SegmentedControl, TextInput } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { Search } from 'lucide-react'
import { useDeferredValue, useMemo, useState } from 'react'
import type { Profile } from '../../../shared/domain'
import { formatMs, formatShare } from '../../../shared/format'
import { type Column, DataTable } from '../ui/DataTable'
import { Panel } from '../ui/Panel'
import { PathText } from '../ui/values'
import classes from './speed.module.css'
import { type NodeTime, nodeTimes, searchNodes } from './speed-view'

const COLUMNS: readonly Column<NodeTime>[] = [
  {
    id: 'name',
    title: 'Node',
    width: 'minmax(7rem, 2.4fr)',
    value: n => n.name,
    render: n => <PathText text={n.name} />,
  },
  {
    id: 'op',
    title: 'Operator',
    width: 'minmax(5rem, 1.2fr)',
    value: n => n.op,
    render: n => <span title={n.op}>{n.op}</span>,
  },
  { id: 'precision', title: 'Type', width: 'minmax(3.6rem, 0.8fr)', value: n => n.precision },
  {
    id: 'provider',
    title: 'Runs on',
    width: 'minmax(3.6rem, 0.7fr)',
    value: n => providerName(n.provider),
    render: n => <span title={n.provider}>{providerName(n.provider)}</span>,
  },
  {
    id: 'us',
    title: 'Time',
    width: 'minmax(4rem, 0.8fr)',
    align: 'right',
    value: n => n.us,
    render: n => formatMs(n.us / 1000),
  },
  {
    id: 'share',
    title: 'Share',
    width: 'minmax(3.6rem, 0.7fr)',
    align: 'right',
    value: n => n.share,
    render: n => formatShare(n.share, 1),
  },
]

const NARROW = COLUMNS.filter(c => c.id !== 'provider' && c.id !== 'op')

function providerName(provider: string): string {
  return provider.replace(/ExecutionProvider$/, '')
}

interface NodeTableProps {
  reference: { name: string; profile: Profile } | null
  variant: { name: string; profile: Profile }
}

/** Every node as ONNX Runtime really ran it, of one model at a time. */
export function NodeTable({ reference, variant }: NodeTableProps) {
  const [side, setSide] = useState<'variant' | 'reference'>('variant')
  const { ref, width } = useElementSize()
  const [search, setSearch] = useState('')
  const wanted = useDeferredValue(search)
  const shown = side === 'reference' && reference ? reference : variant
  const nodes = useMemo(() => nodeTimes(shown.profile), [shown.profile])
  const found = useMemo(() => searchNodes(nodes, wanted), [nodes, wanted])
  return (
    <Panel
      title={
        found.length === nodes.length ? `${nodes.length} nodes` : `${found.length} of ${nodes.length} nodes`
      }
      flush
      actions={
        <div className={classes.actions}>
          {reference && (
            <SegmentedControl
              aria-label="Model"
              value={side}
              onChange={value => setSide(value === 'reference' ? 'reference' : 'variant')}
              data={[
                { value: 'variant', label: 'Variant' },
                { value: 'reference', label: 'Reference' },
              ]}
            />
          )}
          <TextInput
            leftSection={<Search size={13} />}
            placeholder="Name, operator, type"
            aria-label="Search nodes"
            value={search}
            onChange={event => setSearch(event.currentTarget.value)}
            w="10.5rem"
          />
        </div>
      }
    >
      <div ref={ref} className={classes.table} style={{ height: Math.min(nodes.length, 12) * 30 + 34 }}>
        <DataTable
          key={side}
          label="Nodes"
          columns={width > 0 && width < 540 ? NARROW : COLUMNS}
          rows={found}
          rowKey={n => String(n.index)}
          initialSort={{ column: 'us', descending: true }}
          empty={`No node matches “${wanted}”.`}
        />
      </div>
    </Panel>
  )
}
