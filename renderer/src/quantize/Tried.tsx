import type { Step, Variant } from '../../../shared/domain'
import { useTrial } from '../store/trial'
import { usePrevious } from './previous'
import { QuantizeTiles } from './QuantizeTiles'

interface TriedProps {
  parent: Variant
  step: Step
  /** Hash of the data it is measured on; null where there is none. */
  data: string | null
}

/** What a quantization would come to: made, measured and timed a moment after each choice. */
export function Tried({ parent, step, data }: TriedProps) {
  const question = JSON.stringify(step.options)
  const trial = useTrial(
    `quantize/preview/${parent.id}/${data ?? 'none'}/${step.technique}`,
    question,
    (client, options) =>
      client.quantize.preview({
        parent: parent.id,
        step: { technique: step.technique, options: JSON.parse(options) },
      }),
  )
  const before = usePrevious(question, trial.answer, trial.stale)
  return (
    <QuantizeTiles
      trial={trial}
      before={before}
      int8={false}
      {...(data === null ? { unmeasured: 'No data yet: import some to see what it loses.' } : {})}
    />
  )
}
