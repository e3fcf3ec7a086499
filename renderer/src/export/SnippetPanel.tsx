import { SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import type { Preprocessing, TensorInfo, Variant } from '../../../shared/domain'
import { CopyText } from '../recipe/CopyText'
import { fileNameOf } from '../recipe/cli-command'
import { Panel } from '../ui/Panel'
import classes from './export.module.css'
import { browserSnippet } from './snippet-browser'
import { csharpSnippet } from './snippet-csharp'
import type { SnippetModel } from './snippet-input'
import { nodeSnippet } from './snippet-node'
import { pythonSnippet } from './snippet-python'

const LANGUAGES = {
  node: { label: 'Node', make: nodeSnippet },
  python: { label: 'Python', make: pythonSnippet },
  csharp: { label: 'C#', make: csharpSnippet },
  browser: { label: 'Browser', make: browserSnippet },
} as const
type Language = keyof typeof LANGUAGES

interface SnippetPanelProps {
  variant: Variant
  preprocessing: Preprocessing | null
  classes: readonly string[]
}

/** What a program needs to run the exported file, with this model's names, shapes and preprocessing. */
export function SnippetPanel({ variant, preprocessing, classes: names }: SnippetPanelProps) {
  const [language, setLanguage] = useState<Language>('node')
  const model: SnippetModel = {
    file: fileNameOf(variant),
    inputs: variant.summary.inputs,
    outputs: variant.summary.outputs,
    preprocessing,
    classes: names,
  }
  const code = LANGUAGES[language].make(model)
  return (
    <Panel
      title="Run it"
      flush
      actions={
        <div className={classes.bar}>
          <SegmentedControl
            aria-label="Language"
            value={language}
            onChange={value => setLanguage(languageOf(value))}
            data={Object.entries(LANGUAGES).map(([value, { label }]) => ({ value, label }))}
          />
          <CopyText value={code} />
        </div>
      }
    >
      <div className={classes.tensors}>
        <span>Takes</span>
        <span>{model.inputs.map(tensorText).join(', ')}</span>
        <span>Gives</span>
        <span>{model.outputs.map(tensorText).join(', ')}</span>
        {preprocessing && (
          <>
            <span>Before</span>
            <span>{preprocessingText(preprocessing)}</span>
          </>
        )}
      </div>
      <pre className={classes.code}>{code}</pre>
    </Panel>
  )
}

function languageOf(value: string): Language {
  return value in LANGUAGES ? (value as Language) : 'node'
}

function tensorText(info: TensorInfo): string {
  return `${info.name}: ${info.type} [${info.shape.map(d => (d === '' ? '?' : d)).join(', ')}]`
}

/** Preprocessing in one line, in the order it is done. */
export function preprocessingText(p: Preprocessing): string {
  const shift = p.mean.every(m => m === 0) && p.std.every(s => s === 1)
  const normal = shift ? [] : [`− ${list(p.mean)}, ÷ ${list(p.std)}`]
  const scale = p.scale === 1 ? [] : [Math.abs(p.scale - 1 / 255) < 1e-12 ? '÷ 255' : `× ${p.scale}`]
  if (p.kind === 'array') return [...scale, ...normal].join(', ') || 'values as they are'
  const fit = { stretch: 'stretched to', crop: 'cropped to', pad: 'padded to' }[p.fit]
  return [`${p.channels} picture ${fit} ${p.width} × ${p.height}`, ...scale, ...normal, p.layout].join(', ')
}

function list(values: readonly number[]): string {
  const [first] = values
  return values.length === 1 ? String(first) : `[${values.join(', ')}]`
}
