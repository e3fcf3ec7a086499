import { NumberInput, Select, Slider } from '@mantine/core'
import { useId } from 'react'
import type { Field } from '../variant/schema'
import { amountOf, speedOf } from './options'
import classes from './prune.module.css'
import { TARGET_TITLES } from './words'

interface AmountFormProps {
  technique: string
  fields: readonly Field[]
  values: Readonly<Record<string, unknown>>
  onChange(change: Record<string, unknown>): void
}

/** How much is to go, and of what: a sentence with inputs in it. */
export function AmountForm({ technique, fields, values, onChange }: AmountFormProps) {
  const has = (name: string) => fields.some(f => f.name === name)
  if (has('n')) return <PatternForm values={values} onChange={onChange} />
  const amount = typeof values.amount === 'number' ? values.amount : 0.5
  const target = fields.find(f => f.name === 'target')
  const latency = values.target === 'latency'
  return (
    <div className={classes.amount}>
      {latency ? (
        <SpeedInput amount={amount} onChange={next => onChange({ amount: next })} />
      ) : (
        <ShareInput
          word={target ? 'Remove' : 'Set to zero'}
          amount={amount}
          onChange={next => onChange({ amount: next })}
        />
      )}
      {target?.kind === 'choice' ? (
        <Select
          aria-label="Of what"
          data={target.choices.map(c => ({ value: String(c), label: targetTitle(String(c), technique) }))}
          value={String(values.target)}
          allowDeselect={false}
          onChange={next => next && onChange({ target: next })}
        />
      ) : (
        <p className={classes.hint}>of the weights</p>
      )}
    </div>
  )
}

function targetTitle(target: string, technique: string): string {
  const title = TARGET_TITLES[target] ?? target
  if (target === 'latency') return 'by latency, measured on this machine'
  if (target === 'channels' && technique === 'prune.heads') return 'of the heads of every layer'
  if (target === 'channels' && technique === 'prune.ffn') return 'of every width alike'
  return `of ${target === 'blocks' || target === 'channels' || target === 'rank' ? '' : 'the '}${title}`
}

interface ShareInputProps {
  word: string
  amount: number
  onChange(amount: number): void
}

function ShareInput({ word, amount, onChange }: ShareInputProps) {
  const id = useId()
  const percent = Number((amount * 100).toFixed(1))
  const put = (value: number) => value > 0 && value < 100 && onChange(Number((value / 100).toFixed(4)))
  return (
    <div className={classes.sentence}>
      <label htmlFor={id}>{word}</label>
      <NumberInput
        id={id}
        w="5.25rem"
        value={percent}
        min={0.1}
        max={99.9}
        step={5}
        suffix=" %"
        decimalScale={1}
        clampBehavior="blur"
        classNames={{ input: classes.big }}
        onChange={value => typeof value === 'number' && put(value)}
      />
      <Slider
        className={classes.amountSlider}
        value={percent}
        min={5}
        max={95}
        step={1}
        label={null}
        thumbLabel="Amount"
        onChange={put}
      />
    </div>
  )
}

function SpeedInput({ amount, onChange }: { amount: number; onChange(amount: number): void }) {
  const id = useId()
  const speed = Number(speedOf(amount).toFixed(2))
  const put = (value: number) => value > 1 && value <= 100 && onChange(Number(amountOf(value).toFixed(6)))
  return (
    <div className={classes.sentence}>
      <label htmlFor={id}>Make it</label>
      <NumberInput
        id={id}
        w="5.25rem"
        value={speed}
        min={1.01}
        max={100}
        step={0.1}
        suffix="×"
        decimalScale={2}
        fixedDecimalScale={false}
        clampBehavior="blur"
        classNames={{ input: classes.big }}
        onChange={value => typeof value === 'number' && put(value)}
      />
      <span>faster</span>
      <Slider
        className={classes.amountSlider}
        value={Math.min(6, speed)}
        min={1.1}
        max={6}
        step={0.1}
        label={null}
        thumbLabel="How much faster"
        onChange={put}
      />
    </div>
  )
}

/** Patterns that sparse engines compute. */
const PATTERNS = ['2:4', '1:4', '4:8', '1:2']

function PatternForm({ values, onChange }: Pick<AmountFormProps, 'values' | 'onChange'>) {
  const id = useId()
  const number = (name: 'n' | 'm', label: string, min: number, max: number) => (
    <NumberInput
      id={`${id}-${name}`}
      aria-label={label}
      w="4rem"
      value={typeof values[name] === 'number' ? values[name] : ''}
      min={min}
      max={max}
      allowDecimal={false}
      clampBehavior="blur"
      classNames={{ input: classes.big }}
      onChange={value => typeof value === 'number' && onChange({ [name]: value })}
    />
  )
  const m = typeof values.m === 'number' ? values.m : 4
  return (
    <div className={classes.amount}>
      <div className={classes.sentence}>
        <label htmlFor={`${id}-n`}>Keep</label>
        {number('n', 'Weights kept of a pattern', 1, Math.max(1, m - 1))}
        <span>of every</span>
        {number('m', 'Size of a pattern', 2, 64)}
        <span>weights</span>
      </div>
      <Select
        aria-label="Usual patterns"
        data={PATTERNS}
        value={PATTERNS.find(p => p === `${values.n}:${values.m}`) ?? null}
        placeholder="own pattern"
        allowDeselect={false}
        onChange={next => {
          const [n, size] = (next ?? '').split(':').map(Number)
          if (n && size) onChange({ n, m: size })
        }}
      />
    </div>
  )
}
