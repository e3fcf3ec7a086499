/** Options of a preview: without what learns for long, and notes of what the job does otherwise. */

type Options = Record<string, unknown>

/** What takes long, by the option that says it, what stands in for it, and what is said of that. */
const SLOW: readonly { name: string; values: readonly unknown[]; instead: unknown; note: string }[] = [
  {
    name: 'rounding',
    values: ['adaround', 'hqq', 'gptq'],
    instead: 'nearest',
    note: 'Weights are rounded to nearest for this preview; the job learns how to round them, and loses less.',
  },
  {
    name: 'scaling',
    values: ['awq'],
    instead: 'none',
    note: 'Weights are not scaled by samples for this preview; the job scales them, and loses less.',
  },
  {
    name: 'clip',
    values: [true],
    instead: false,
    note: 'The ranges of blocks are not searched for this preview; the job searches them, and loses less.',
  },
  {
    name: 'keep',
    values: ['automatic'],
    instead: 'range',
    note: 'What stays in float32 goes by range alone in this preview; the job also measures it.',
  },
]

/** The same options where nothing in them takes long. */
export function quickerQuantization(given: Options): { options: Options; notes: string[] } {
  const slow = SLOW.filter(({ name, values }) => values.includes(given[name]))
  return {
    options: { ...given, ...Object.fromEntries(slow.map(({ name, instead }) => [name, instead])) },
    notes: slow.map(({ note }) => note),
  }
}
