/** What quantized forms of one model are worth, all on the same samples. */
import type { QuantizePoint } from '../../shared/quantize'
import type { TaskContext } from '../jobs/context'
import { type Answers, Runner } from '../measure/answers'
import { type Judge, judgeBy } from '../measure/judge'
import { answersSqnr } from '../measure/signal'
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
    return { ...this.judge.judge(answers), sqnr: answersSqnr(this.whole, answers) }
  }
}
