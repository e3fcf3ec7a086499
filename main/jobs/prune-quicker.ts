/** Options of a preview of pruning: those of the job, less what takes long and changes no size. */

/** Samples that a preview looks at where it has to. */
const SAMPLES = 64

/** Importances that look at data, and what stands in for them where only the number of channels is wanted. */
const WITHOUT_DATA: Readonly<Record<string, Record<string, string>>> = {
  importance: { taylor: 'l2', fisher: 'l2', activation: 'l2', wanda: 'l2' },
  score: { wanda: 'magnitude' },
  error: { activation: 'svd' },
}

/** Whose sizes depend on the scores: the least important are taken wherever they are. */
const ANYWHERE = ['global', 'sensitivity']

/** Options without recovery and with one round, and notes of what the job does otherwise. */
export function quicker(given: Record<string, unknown>): {
  options: Record<string, unknown>
  notes: string[]
} {
  const options: Record<string, unknown> = { ...given, recovery: 'distill', recover: 0 }
  if ('steps' in given) options.steps = 1
  const anywhere = [given.distribution, given.scope].some(value => ANYWHERE.includes(String(value)))
  const notes: string[] = []
  const standsIn = Object.entries(WITHOUT_DATA).flatMap(([name, by]) => {
    const to = by[String(given[name])]
    return to === undefined ? [] : [[name, to] as const]
  })
  const looks =
    standsIn.length > 0 || given.distribution === 'sensitivity' || LOOKING.includes(String(given.importance))
  if (standsIn.length > 0 && !anywhere) {
    for (const [name, to] of standsIn) options[name] = to
    notes.push('What exactly goes is chosen when the job runs, on samples; how much goes is shown.')
  } else if (looks && Number(given.samples) > SAMPLES) {
    options.samples = SAMPLES
    notes.push(
      `Measured on ${SAMPLES} samples for this preview; the job uses ${given.samples}, and may choose a little otherwise.`,
    )
  }
  return { options, notes }
}

/** Importances of blocks that look at samples. */
const LOOKING = ['similarity', 'measured']
