/** What a search knows so far: its trials with their plans, and which of them were the best in turn. */
import type { Plan } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { LiveSearch, QuantizeSearch } from '../../../shared/quantize'
import { type Assignment, keyOf, type Tried } from './search'
import type { Kept } from './trials'

/** What does not change while it runs. */
type About = Omit<LiveSearch, 'trials' | 'best' | 'improved' | 'ended'>

export class Known {
  private readonly kept = new Map<string, Kept>()
  private readonly improved: number[] = []

  constructor(private readonly about: About) {}

  keep(assignment: Assignment, kept: Kept): void {
    this.kept.set(keyOf(assignment), kept)
  }

  /** As it is told while it runs; `best` is null before the first trial. */
  soFar(best: Tried | null): LiveSearch {
    const at = best ? this.placeOf(best) : null
    if (at !== null && at !== this.improved.at(-1)) this.improved.push(at)
    return { ...this.about, trials: this.trials(), best: at, improved: [...this.improved], ended: null }
  }

  /** As the plan tells it. */
  over(
    best: Tried,
    ended: QuantizeSearch['ended'],
  ): { plan: Plan; search: QuantizeSearch; live: LiveSearch } {
    const winner = this.kept.get(keyOf(best.assignment))
    if (!winner) throw new BantamError('internal', 'The search kept no plan of its best trial.')
    const { trials, improved } = this.soFar(best)
    const { metric, reference, allowed, samples } = this.about
    const search = { metric, reference, allowed, samples, trials, best: this.placeOf(best), improved, ended }
    return { plan: winner.plan, search, live: { ...this.about, ...search } }
  }

  private trials() {
    return [...this.kept.values()].map(({ trial }) => trial)
  }

  private placeOf({ assignment }: Tried): number {
    return [...this.kept.keys()].indexOf(keyOf(assignment))
  }
}
