import { CloseButton } from '@mantine/core'
import { setLayout, useUi } from '../store/ui'
import classes from './hint.module.css'

const STEPS = [
  { title: 'Look', text: 'Click a point; shift-click compares.' },
  { title: 'Make', text: 'Press N for a new variant.' },
  { title: 'Bring yours', text: 'Drop an ONNX file, then data.' },
]

/** Three steps for the first visit; gone for good once dismissed. */
export function FirstHint() {
  const seen = useUi(s => s.layout.hintSeen)
  if (seen) return null
  return (
    <aside className={classes.hint} aria-label="First steps">
      <ol>
        {STEPS.map((step, i) => (
          <li key={step.title}>
            <span className={classes.number}>{i + 1}</span>
            <span>
              <strong>{step.title}.</strong> {step.text}
            </span>
          </li>
        ))}
      </ol>
      <CloseButton
        size="sm"
        aria-label="Dismiss the first steps"
        onClick={() => setLayout({ hintSeen: true })}
      />
    </aside>
  )
}
