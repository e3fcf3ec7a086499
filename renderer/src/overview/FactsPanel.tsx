import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { Check, Copy } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Study, Variant } from '../../../shared/domain'
import { formatCount } from '../../../shared/format'
import { lineage } from '../recipe/cli-command'
import { useApp } from '../store/app'
import { useQuery } from '../store/query'
import { Panel } from '../ui/Panel'
import classes from './overview.module.css'

/** Where the variant comes from and what it was measured with: enough to make and check it again. */
export function FactsPanel({ study, variant }: { study: Study; variant: Variant }) {
  const techniques = useApp(s => s.info?.techniques)
  const latest = useQuery(`study/${study.id}/benchmark`, c => c.measure.latest({ study: study.id }))
  const chain = lineage(study.variants, variant)
  const { summary, evaluation } = variant
  const technique = techniques?.find(t => t.id === variant.step?.technique)
  const hardware = latest.data?.hardware
  return (
    <Panel title="Where it comes from">
      <dl className={classes.facts}>
        {chain.length > 1 && <Fact name="Lineage">{chain.map(v => v.name).join(' → ')}</Fact>}
        {variant.step && <Fact name="Made by">{technique?.title ?? variant.step.technique}</Fact>}
        {variant.step && <Fact name="Seed">{variant.seed}</Fact>}
        {variant.plan && <Hash name="Plan digest" value={variant.plan.digest} />}
        <Hash name="Model hash" value={variant.model} />
        <Fact name="Format">
          ONNX opset {summary.opset}, {formatCount(summary.nodes)} nodes
          {summary.producer && `, written by ${summary.producer}`}
        </Fact>
        {Object.keys(summary.unknownCost).length > 0 && (
          <Fact name="MACs unknown">
            {Object.entries(summary.unknownCost)
              .map(([op, count]) => `${op} ×${count}`)
              .join(', ')}
          </Fact>
        )}
        {evaluation && (
          <Fact name="Evaluated on">
            {evaluation.data.count.toLocaleString('en-US')} samples of {evaluation.data.source}
            {evaluation.data.split !== 'all' && ` (${evaluation.data.split} split)`}
          </Fact>
        )}
        {hardware && variant.benchmark && (
          <Fact name="Timed on">
            {hardware.cpu}, ONNX Runtime {hardware.onnxruntime}
          </Fact>
        )}
        <Fact name="Created">
          {new Date(variant.createdAt).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })}
        </Fact>
      </dl>
    </Panel>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

function Hash({ name, value }: { name: string; value: string }) {
  return (
    <Fact name={name}>
      <span className="mono" title={value} style={{ fontSize: '0.92em' }}>
        {value.length > 20 ? `${value.slice(0, 12)}…${value.slice(-4)}` : value}
      </span>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : `Copy the ${name.toLowerCase()}`}>
            <ActionIcon size="xs" ml={4} onClick={copy} aria-label={`Copy the ${name.toLowerCase()}`}>
              {copied ? <Check size={12} /> : <Copy size={12} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Fact>
  )
}
