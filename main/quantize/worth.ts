/** What quantized forms of one model are worth, all on the same samples. */
import type { QuantizePoint } from '../../shared/quantize'
import type { TaskContext } from '../jobs/context'
import { type Answers, Runner } from '../measure/answers'
import { type Judge, judgeBy } from '../measure/judge'
import type { Model } from '../onnx/model'
import type { SampleSet } from '../technique'

export class Worth {
  private constructor(
    private readonly runner: Runner,
    private readonly whole: Answers,
    private readonly judge: Judge,
    /** Samples it is measured on. */
    readonly samples: number,
  ) {}

  /** Runs the float model. Throws as `Runner.open`. */
  static async open(model: Model, samples: SampleSet, threads: number, context: TaskContext): Promise<Worth> {
    const { runner, whole } = await Runner.open(model, samples, threads, context)
    return new Worth(runner, whole, judgeBy(whole, samples), samples.indices.length)
  }

  get metric(): Judge['metric'] {
    return this.judge.metric
  }

  /** The metric of the float model. */
  get reference(): number {
    return this.judge.reference
  }

  /** Runs a model with the same inputs and outputs. Throws as `Runner.run`. */
  async of(model: Model, context: TaskContext): Promise<QuantizePoint> {
    const answers = await this.runner.run(model, context)
    return { ...this.judge.judge(answers), sqnr: signalToNoise(this.whole, answers) }
  }
}

/** In dB; null where the answers are equal. What is not finite counts as zero. */
export function signalToNoise(whole: Answers, changed: Answers): number | null {
  let signal = 0
  let noise = 0
  for (const [i, row] of whole.rows.entries()) {
    const other = changed.rows[i]
    for (let k = 0; k < row.length; k++) {
      const value = finite(row[k])
      signal += value ** 2
      noise += (value - finite(other?.[k])) ** 2
    }
  }
  if (noise === 0) return null
  return signal === 0 ? -300 : 10 * Math.log10(signal / noise)
}

const finite = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : 0)

/**
 * Samples to judge by, at most `most`: those that no range comes from as far as there are enough. The first `used` are
 * what ranges come from.
 */
export function judgingSamples({ dataset, indices }: SampleSet, used: number, most: number): SampleSet {
  const fresh = indices.subarray(Math.min(used, indices.length))
  if (fresh.length >= most) return { dataset, indices: fresh.subarray(0, most) }
  return { dataset, indices: indices.subarray(Math.max(0, indices.length - most)) }
}
