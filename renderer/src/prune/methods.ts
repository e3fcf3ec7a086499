/** The techniques of pruning as a person chooses between them. */
import type { TechniqueInfo } from '../../../shared/domain'
import { isPruning } from '../variant/kinds'

interface MethodWords {
  title: string
  /** What it is good for, in one line. */
  about: string
}

const WORDS: Readonly<Record<string, MethodWords>> = {
  'prune.channels': { title: 'Channels', about: 'Smaller and faster everywhere' },
  'prune.ffn': { title: 'Feed-forward width', about: 'Most weights of a transformer' },
  'prune.heads': { title: 'Heads', about: 'Attention that does little' },
  'prune.blocks': { title: 'Blocks', about: 'Depth: the most time per sample' },
  'prune.low-rank': { title: 'Low rank', about: 'Wide layers, few directions' },
  'prune.magnitude': { title: 'Magnitude', about: 'Sparse engines, compression' },
  'prune.n-m': { title: 'N:M', about: 'Sparse tensor cores' },
}

/** Short name of a technique, for a place that says 'prune' already. */
export function methodTitle(id: string): string {
  return WORDS[id]?.title ?? id.replace(/^prune\./, '')
}

/** What a technique is good for, in one line; its summary where none is known. */
export function methodAbout({ id, summary }: TechniqueInfo): string {
  return WORDS[id]?.about ?? summary
}

/** Techniques of pruning: those that take structure away first, then those that set weights to zero. */
export function pruneMethods(techniques: readonly TechniqueInfo[]): TechniqueInfo[] {
  const order = Object.keys(WORDS)
  const place = ({ id }: TechniqueInfo) => (order.includes(id) ? order.indexOf(id) : order.length)
  return techniques.filter(t => isPruning(t.id)).sort((a, b) => place(a) - place(b))
}
