import { useElementSize, useMediaQuery } from '@mantine/hooks'
import { TradeoffChart } from '../chart/TradeoffChart'
import { useApp } from '../store/app'
import { setLayout, useUi } from '../store/ui'
import { TreePane } from '../tree/TreePane'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { FirstHint } from './FirstHint'
import { NoModel } from './NoModel'
import { SelectionPane } from './SelectionPane'
import { Splitter } from './Splitter'
import classes from './shell.module.css'

/** From this width on the tabs stand at the right of the chart, below it before. */
const WIDE = '(min-width: 1600px)'

/** Below this width (a small window, or 200 % zoom) everything is one scrolling column. */
const STACKED = '(max-width: 899px)'

/** Lineage at the left, the chart in the centre, the selection below or at the right. */
export function Workbench() {
  const study = useApp(s => s.study)
  const none = useApp(s => s.studies?.length === 0)
  const failure = useApp(s => s.failure)
  const layout = useUi(s => s.layout)
  const wide = useMediaQuery(WIDE, false, { getInitialValueInEffect: false }) ?? false
  const { ref, height } = useElementSize()
  const hasModel = (study?.variants.length ?? 0) > 0
  const stacked = useMediaQuery(STACKED, false, { getInitialValueInEffect: false }) ?? false
  const chartSize = wide || stacked ? undefined : { height: `${layout.chartShare * 100}%` }
  return (
    <div className={classes.body}>
      <aside
        className={classes.left}
        style={stacked ? undefined : { width: layout.treeWidth }}
        aria-label="Variants and data"
      >
        <TreePane study={study} />
      </aside>
      <Splitter
        label="Width of the variants"
        orientation="vertical"
        value={layout.treeWidth}
        min={280}
        max={560}
        perPixel={1}
        onChange={treeWidth => setLayout({ treeWidth })}
        onReset={() => setLayout({ treeWidth: 372 })}
      />
      <main ref={ref} className={classes.main} data-wide={wide}>
        {failure && (
          <div style={{ padding: 16 }}>
            <ErrorNotice error={failure} onClose={() => useApp.setState({ failure: null })} />
          </div>
        )}
        {!study && !none && !failure && (
          <div style={{ flex: 1, padding: 16 }}>
            <LoadingBlock height="100%" />
          </div>
        )}
        {(study || none) && !hasModel && <NoModel />}
        {study && hasModel && (
          <>
            <section className={classes.chartArea} style={chartSize} aria-label="Trade-off">
              <FirstHint />
              <TradeoffChart study={study} />
            </section>
            {wide ? (
              <Splitter
                label="Width of the selection"
                orientation="vertical"
                value={layout.sideWidth}
                min={440}
                max={1100}
                perPixel={-1}
                onChange={sideWidth => setLayout({ sideWidth })}
                onReset={() => setLayout({ sideWidth: 640 })}
              />
            ) : (
              <Splitter
                label="Height of the chart"
                orientation="horizontal"
                value={layout.chartShare}
                min={0.2}
                max={0.75}
                perPixel={1 / Math.max(1, height)}
                onChange={chartShare => setLayout({ chartShare })}
                onReset={() => setLayout({ chartShare: 0.5 })}
              />
            )}
            <section
              className={classes.tabsArea}
              style={wide ? { width: layout.sideWidth } : undefined}
              aria-label="Selection"
            >
              <SelectionPane study={study} />
            </section>
          </>
        )}
      </main>
    </div>
  )
}
