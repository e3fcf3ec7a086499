import { Box, FileBarChart, FileCheck2, Package, Sheet } from 'lucide-react'
import type { Variant } from '../../../shared/domain'
import { formatBytes } from '../../../shared/format'
import { fileNameOf } from '../recipe/cli-command'
import { useQuery } from '../store/query'
import type { TabProps } from '../tab-props'
import { ErrorNotice } from '../ui/ErrorNotice'
import { Panel } from '../ui/Panel'
import { TabBody } from '../ui/TabBody'
import classes from './export.module.css'
import { SaveRow } from './SaveRow'
import { SnippetPanel } from './SnippetPanel'
import { useJobSaving, useSaving } from './useSaving'

/** What leaves the workbench: files to save, and how to run them. */
export function ExportTab({ study, variant }: TabProps) {
  const evaluated = variant.evaluation?.data.hash
  const dataset = study.datasets.find(d => d.hash === evaluated) ?? study.datasets[0]
  const preprocessing = useQuery(dataset ? `study/${dataset.id}/preprocessing` : null, c =>
    c.datasets.preprocessing({ id: dataset?.id ?? '' }),
  )
  return (
    <TabBody label="Export">
      <VariantFiles key={variant.id} variant={variant} />
      <StudyFiles key={study.id} id={study.id} count={study.variants.length} />
      {preprocessing.error && <ErrorNotice error={preprocessing.error} />}
      <SnippetPanel variant={variant} preprocessing={preprocessing.data ?? null} dataset={dataset} />
    </TabBody>
  )
}

function VariantFiles({ variant }: { variant: Variant }) {
  const model = useSaving(c => c.variants.export({ id: variant.id, format: 'onnx' }))
  const evidence = useSaving(c => c.variants.export({ id: variant.id, format: 'evidence' }))
  const bundle = useJobSaving(c => c.variants.bundle({ id: variant.id }))
  const size = formatBytes(variant.summary.sizeBytes)
  return (
    <Panel title={variant.name} flush>
      <div className={classes.rows}>
        <SaveRow
          main
          icon={Box}
          title="ONNX model"
          inside={`${fileNameOf(variant)}, ${size}: runs in any ONNX Runtime${variant.verification?.loads ? ', proven in a fresh process' : ''}. A zip where weights lie in files of their own.`}
          ways={[{ label: 'Save', saving: model }]}
        />
        <SaveRow
          icon={Package}
          title="Deployment bundle"
          inside={`A zip with the model (${size}), its preprocessing as JSON, examples for Node, Python, C# and the browser, and the measured numbers.`}
          ways={[{ label: 'Make', saving: bundle }]}
        />
        {variant.plan && (
          <SaveRow
            icon={FileCheck2}
            title="Evidence"
            inside="JSON, some kB: parent, plan, seed, versions and verification. With it, bantam replay makes the same bytes again."
            ways={[{ label: 'Save', saving: evidence }]}
          />
        )}
      </div>
    </Panel>
  )
}

function StudyFiles({ id, count }: { id: string; count: number }) {
  const report = useJobSaving(c => c.studies.report({ id }))
  const csv = useSaving(c => c.studies.table({ id, format: 'csv' }))
  const json = useSaving(c => c.studies.table({ id, format: 'json' }))
  const all = count === 1 ? 'the one model' : `all ${count} models`
  return (
    <Panel title="The whole study" flush>
      <div className={classes.rows}>
        <SaveRow
          icon={FileBarChart}
          title="Report"
          inside={`One HTML file about ${all}: charts, numbers with intervals, and how they were obtained. Opens anywhere, without a network.`}
          ways={[{ label: 'Make', saving: report }]}
        />
        <SaveRow
          icon={Sheet}
          title="Comparison"
          inside={`Every metric of ${all} with its interval, as a table of some kB.`}
          ways={[
            { label: 'CSV', saving: csv },
            { label: 'JSON', saving: json },
          ]}
        />
      </div>
    </Panel>
  )
}
