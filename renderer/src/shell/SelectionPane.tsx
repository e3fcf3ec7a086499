import { type KeyboardEvent, memo, useDeferredValue } from 'react'
import type { Study } from '../../../shared/domain'
import { ComparisonView } from '../compare/ComparisonView'
import { selectedVariants, teacherOf, useApp } from '../store/app'
import { openTab, useUi } from '../store/ui'
import { TABS } from '../tabs'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import { ReferenceMenu } from './ReferenceMenu'
import classes from './shell.module.css'

/**
 * The selection: tabs for one variant, a comparison for several. Chart and tree show a new selection at once; what is
 * said of it here is drawn after them and gives way to the next click.
 */
export function SelectionPane({ study }: { study: Study }) {
  const selection = useApp(s => s.selection)
  return <Selected study={useDeferredValue(study)} selection={useDeferredValue(selection)} />
}

interface SelectedProps {
  study: Study
  selection: readonly string[]
}

const Selected = memo(function Selected({ study, selection }: SelectedProps) {
  const chosen = useUi(s => s.tab)
  const against = useUi(s => s.reference)
  const teacher = teacherOf(study)
  const selected = selectedVariants({ study, selection })
  const variant = selected[0] ?? teacher
  const tab = TABS.find(t => t.id === chosen) ?? TABS[0]

  if (!teacher || !variant || !tab) return null
  if (selected.length > 1) return <ComparisonView variants={selected} teacher={teacher} />
  // The teacher stands alone; a variant is never compared with itself.
  const chosenReference = study.variants.find(v => v.id === against && v.id !== variant.id)
  const reference = variant.id === teacher.id ? teacher : (chosenReference ?? teacher)

  function key(event: KeyboardEvent) {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = step !== 0 && tab ? TABS[TABS.indexOf(tab) + step] : undefined
    if (!next) return
    event.preventDefault()
    openTab(next.id)
    document.getElementById(`tab-${next.id}`)?.focus()
  }
  return (
    <>
      <div className={classes.tabList} role="tablist" aria-label="Selection" onKeyDown={key}>
        {TABS.map(t => (
          <button
            key={t.id}
            id={`tab-${t.id}`}
            type="button"
            role="tab"
            aria-selected={t.id === tab.id}
            aria-controls="tab-panel"
            tabIndex={t.id === tab.id ? 0 : -1}
            className={classes.tab}
            onClick={() => openTab(t.id)}
          >
            <t.icon size={14} strokeWidth={1.8} aria-hidden />
            {t.title}
          </button>
        ))}
        <div className={classes.subject}>
          <span className={`${classes.subjectName} ellipsis`} title={variant.name}>
            {variant.name}
            {variant.id === teacher.id && variant.name !== 'Teacher' ? ' · teacher' : ''}
          </span>
          {variant.id !== teacher.id && (
            <ReferenceMenu study={study} variant={variant} reference={reference} />
          )}
        </div>
      </div>
      <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab.id}`} className={classes.tabPanel}>
        <ErrorBoundary key={`${tab.id} ${variant.id}`}>
          {tab.render({ study, variant, reference })}
        </ErrorBoundary>
      </div>
    </>
  )
})
