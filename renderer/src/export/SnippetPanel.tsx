import { SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import type { DatasetRecord, Preprocessing, Variant } from '../../../shared/domain'
import { browserPage } from '../../../shared/examples/browser'
import { csharpProgram } from '../../../shared/examples/csharp'
import { answerOf, type ExampleModel, shapeLine } from '../../../shared/examples/model'
import { nodeProgram } from '../../../shared/examples/node'
import { pythonProgram } from '../../../shared/examples/python'
import { CopyText } from '../recipe/CopyText'
import { fileNameOf } from '../recipe/cli-command'
import { Panel } from '../ui/Panel'
import classes from './export.module.css'

const LANGUAGES = {
  node: { label: 'Node', make: nodeProgram },
  python: { label: 'Python', make: pythonProgram },
  csharp: { label: 'C#', make: csharpProgram },
  browser: { label: 'Browser', make: browserPage },
} as const
type Language = keyof typeof LANGUAGES

interface SnippetPanelProps {
  variant: Variant
  preprocessing: Preprocessing | null
  dataset: DatasetRecord | undefined
}

/** A program that runs the exported file: the one a deployment bundle holds, made to stand alone. */
export function SnippetPanel({ variant, preprocessing, dataset }: SnippetPanelProps) {
  const [language, setLanguage] = useState<Language>('node')
  const { inputs, outputs } = variant.summary
  const model: ExampleModel = {
    name: variant.name,
    file: fileNameOf(variant),
    inputs,
    outputs,
    preprocessing,
    classes: dataset?.classes ?? [],
    answer: answerOf(outputs, dataset ?? null),
    bundle: null,
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
        <span>{model.inputs.map(shapeLine).join(', ')}</span>
        <span>Gives</span>
        <span>{model.outputs.map(shapeLine).join(', ')}</span>
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

/** Preprocessing in one line, in the order it is done. */
export function preprocessingText(p: Preprocessing): string {
  if (p.kind === 'text') {
    const length =
      p.maxLength === undefined ? '' : `, ${p.padding === 'max' ? '' : 'at most '}${p.maxLength} tokens`
    return `text cut into tokens by a tokenizer.json${length}`
  }
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
