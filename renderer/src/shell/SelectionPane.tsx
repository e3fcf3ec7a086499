import { type KeyboardEvent, memo, useDeferredValue } from 'react'
import type { Study } from '../../../shared/domain'
import { ComparisonView } from '../compare/ComparisonView'
import { selectedVariants, selectOnly, teacherOf, useApp } from '../store/app'
import { openTab, useUi } from '../store/ui'
import { TABS } from '../tabs'
import { ErrorBoundary } from '../ui/ErrorBoundary'
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
  const reference = teacherOf(study)
  const selected = selectedVariants({ study, selection })
  const variant = selected[0] ?? reference
  const tab = TABS.find(t => t.id === chosen) ?? TABS[0]

  if (!reference || !variant || !tab) return null
  if (selected.length > 1) return <ComparisonView variants={selected} reference={reference} />

  function key(event: KeyboardEvent) {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = step !== 0 && tab ? TABS[TABS.indexOf(tab) + step] : undefined
    if (!next) return
    event.preventDefault()
    openTab(next.id)
    document.getElementById(`tab-${next.id}`)?.focus()
  }
  const teacher = variant.id === reference.id
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
            {teacher ? ' · teacher' : ''}
          </span>
          {!teacher && selection.length === 1 && (
            <button
              type="button"
              style={{ all: 'unset', cursor: 'pointer', color: 'var(--bt-accent)', whiteSpace: 'nowrap' }}
              onClick={() => selectOnly([variant.id, reference.id])}
            >
              vs teacher
            </button>
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
