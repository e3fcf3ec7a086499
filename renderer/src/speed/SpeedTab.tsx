import { Timer } from 'lucide-react'
import type { SpeedReport } from '../../../shared/contract'
import type { LatencyRatio, Profile } from '../../../shared/domain'
import { formatMs } from '../../../shared/format'
import { rangeOf, ratioTone, speedText } from '../../../shared/verdict'
import { MeasureNow } from '../overview/MeasureNow'
import { useQuery } from '../store/query'
import type { TabProps } from '../tab-props'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { NoteList } from '../ui/NoteList'
import { Panel } from '../ui/Panel'
import { TabBody } from '../ui/TabBody'
import { NodeTable } from './NodeTable'
import { OperatorBars } from './OperatorBars'
import classes from './speed.module.css'
import { bySeverity, operatorTimes } from './speed-view'
import { TimeShares } from './TimeShares'
import { TokensPanel } from './TokensPanel'

/** Where the time goes, and why a variant is or is not faster than its teacher. */
export function SpeedTab({ study, variant, reference }: TabProps) {
  const speed = useQuery(`study/${variant.id}/speed`, c => c.variants.speed({ id: variant.id }))
  const again = <MeasureNow study={study} variants={[variant]} label="Measure again" quiet />
  return (
    <TabBody label="Speed">
      {speed.error && <ErrorNotice error={speed.error} actions={again} />}
      {speed.data === undefined && !speed.error && (
        <>
          <LoadingBlock height={130} />
          <LoadingBlock height={320} />
          <LoadingBlock height={380} />
        </>
      )}
      {speed.data === null && (
        <EmptyState
          icon={Timer}
          title="Not timed yet"
          actions={<MeasureNow study={study} variants={[variant]} />}
        >
          Measuring runs this model and the teacher in turns and records the time of every operator, so that
          it can be said why one is faster.
        </EmptyState>
      )}
      <TokensPanel variant={variant} reference={reference} />
      {speed.data && <SpeedView key={variant.id} report={speed.data} {...{ study, variant, reference }} />}
    </TabBody>
  )
}

function SpeedView({ report, study, variant, reference }: TabProps & { report: SpeedReport }) {
  // The report may be about another model than the one chosen to compare with: its own reference gives the name.
  const alone = report.reference.model === report.variant.model
  const other = study.variants.find(v => v.model === report.reference.model) ?? reference
  const sides = [
    ...(alone ? [] : [{ name: other.name, profile: report.reference }]),
    { name: variant.name, profile: report.variant },
  ]
  return (
    <>
      <Panel
        title={alone ? 'Speed' : 'Why it is as fast as it is'}
        actions={<MeasureNow study={study} variants={[variant]} label="Measure again" quiet />}
      >
        <div className={classes.findings}>
          {!alone && <Headline ratio={report.ratio} profiles={report} reference={other.name} />}
          {report.findings.length > 0 && <NoteList notes={bySeverity(report.findings)} />}
          {report.findings.length === 0 && alone && (
            <div className={classes.dim}>
              One profiled run takes {formatMs(report.variant.totalUs / 1000)}.
            </div>
          )}
          <div className={classes.small}>
            {settingText(report.variant)}
            {!alone &&
              other.id !== reference.id &&
              ` Operators are timed together with ${other.name} alone, not with ${reference.name}.`}
          </div>
        </div>
      </Panel>
      <Panel title="Kernel time by kind">
        <TimeShares sides={sides} />
      </Panel>
      <Panel title="Time per operator" flush>
        <div className={classes.bars}>
          <OperatorBars
            rows={operatorTimes(report.reference, report.variant)}
            reference={alone ? null : other.name}
            variant={variant.name}
          />
        </div>
      </Panel>
      <NodeTable
        reference={alone ? null : { name: other.name, profile: report.reference }}
        variant={{ name: variant.name, profile: report.variant }}
      />
    </>
  )
}

interface HeadlineProps {
  ratio: LatencyRatio | null
  profiles: SpeedReport
  reference: string
}

function Headline({ ratio, profiles, reference }: HeadlineProps) {
  const times = `${formatMs(profiles.reference.totalUs / 1000)} → ${formatMs(profiles.variant.totalUs / 1000)} per profiled run`
  if (!ratio) {
    return (
      <div className={classes.headline}>
        <span className={classes.ratio}>No ratio measured</span>
        <span className={classes.small}>
          {times}; the two were not timed in turns, so nothing is claimed.
        </span>
      </div>
    )
  }
  const tone = ratioTone(ratio)
  return (
    <div className={classes.headline}>
      <span className={classes.ratio} data-tone={tone}>
        {tone === 'uncertain' ? 'No speed difference shown' : speedText(ratio.ratio)}
      </span>
      <span className={classes.small}>
        {tone === 'uncertain' ? 'against' : 'than'} {reference}, 95 % interval {rangeOf(ratio)} · batch{' '}
        {ratio.batch}, {threadsText(ratio.threads)}, interleaved
      </span>
    </div>
  )
}

function threadsText(threads: number): string {
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}`
}

/** How the profile was taken. Profiling itself costs time, so its totals are no latencies. */
function settingText(profile: Profile): string {
  return `Profile of ${profile.runs.toLocaleString('en-US')} runs at batch ${profile.batch}, ${threadsText(profile.threads)}, on ${profile.device.toUpperCase()}. Profiling slows every node: compare shares here, latencies in the Overview.`
}
