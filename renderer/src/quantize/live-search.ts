/** The search that a job makes, as it is known so far. */
import type { Job } from '../../../shared/domain'
import type { LiveSearch } from '../../../shared/quantize'
import { type Query, useQuery } from '../store/query'
import { openDialog, useUi } from '../store/ui'

/** Null before the first trial; asked again whenever the job tells of itself. */
export function useLiveSearch(job: string): Query<LiveSearch | null> {
  return useQuery(`search/job/${job}`, client => client.quantize.search({ id: job }))
}

/** Shows what a search tries while it runs. */
export function watchSearch({ id }: Pick<Job, 'id'>): void {
  useUi.setState({ jobsOpen: false })
  openDialog({ kind: 'search', job: id })
}
