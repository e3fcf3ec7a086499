/** The samples as they are before a layer, moved forward through the float model. */
import type { NodeProto } from 'onnx-buf'
import type { TaskContext } from '../../jobs/context'
import type { Runner } from '../../measure/answers'
import { cut, type Edge } from '../../onnx/cut'
import type { Model } from '../../onnx/model'
import { edgesBefore } from './edges'

export class Prefix {
  /** Where `runner` is; null: at the inputs of the model. */
  private at: readonly Edge[] | null = null
  private readonly before: ReadonlyMap<NodeProto, Edge[] | null>

  private constructor(
    private readonly model: Model,
    edges: readonly (Edge[] | null)[],
    /** Runs variants of `rest`. */
    public runner: Runner,
    /** The float model from where the samples are. */
    public rest: Model,
  ) {
    this.before = new Map(model.graph.topological().map((node, i) => [node, edges[i] ?? null]))
  }

  static async begin(model: Model, runner: Runner): Promise<Prefix> {
    return new Prefix(model, await edgesBefore(model, runner.answering), runner, model)
  }

  /**
   * Moves to just before a node, which must lie behind where it is. Stays where the values there cannot be passed on, or
   * take more memory than there is: then variants run from further back.
   */
  async advance(node: NodeProto, context: TaskContext): Promise<void> {
    const next = this.before.get(node)
    if (!next || next.length === 0) return
    const known = new Set(this.at?.map(edge => edge.name) ?? this.model.graph.inputNames)
    const made = next.map(edge => edge.name).filter(name => !known.has(name))
    if (made.length === 0) return
    const passed = next.map(edge => edge.name).filter(name => known.has(name))
    const answer = this.runner.answering
    const runner = await this.runner.after(cut(this.model, this.at ?? [], made), passed, context)
    if (!runner) return
    this.runner = runner
    this.at = next
    this.rest = cut(this.model, next, [answer])
  }
}
