import type { Job } from '../../../shared/domain'
import { selectedVariants, selectOnly, teacherOf, useApp } from '../store/app'
import { chooseRun, openTab, useUi } from '../store/ui'

/** Opens the curves of a training job, beside whatever is selected; those of its variant once it is done. */
export function watchTraining(job: Pick<Job, 'id' | 'result'>): void {
  const app = useApp.getState()
  const made = app.study?.variants.find(v => v.id === job.result)
  if (made) selectOnly([made.id])
  else {
    const shown = selectedVariants(app)[0] ?? teacherOf(app.study)
    // A tab shows one variant: the first of a comparison.
    if (app.selection.length > 1 && shown) selectOnly([shown.id])
    if (shown) chooseRun(shown.id, `job:${job.id}`)
  }
  useUi.setState({ jobsOpen: false })
  openTab('training')
}
