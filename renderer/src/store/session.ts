/** Keeps the store true to the engine: first fetches, the event stream, reconnecting. */
import type { AppEvent } from '../../../shared/contract'
import type { Job } from '../../../shared/domain'
import { asErrorData, type Client, type Connection } from '../client'
import { afterEvent, studyArrived, useApp } from './app'
import { invalidate } from './query'
import { throttled } from './throttle'

const REMEMBERED = 'bantam.study'

/** Live curves move at most twice a second: more is not read, and every point costs a fetch. */
const LIVE_MS = 500
const searchMoved = throttled(job => invalidate(`search/job/${job}`), LIVE_MS)
const trainingMoved = throttled(job => invalidate(`training/job/${job}`), LIVE_MS)

function remembered(): string | null {
  return localStorage.getItem(REMEMBERED)
}

/** Shows another study; what was shown of the old one goes at once. */
export async function openStudy(client: Client, id: string): Promise<void> {
  const state = useApp.getState()
  if (state.studyId !== id) useApp.setState({ studyId: id, study: null, selection: [], failure: null })
  localStorage.setItem(REMEMBERED, id)
  await refreshStudy(client)
}

/** Fetches the shown study again; an answer that comes after another study was opened is dropped. */
export async function refreshStudy(client: Client): Promise<void> {
  const id = useApp.getState().studyId
  if (!id) return
  try {
    const study = await client.studies.get({ id })
    useApp.setState(s => studyArrived(s, study))
  } catch (error) {
    if (useApp.getState().studyId === id) useApp.setState({ failure: asErrorData(error) })
  }
}

async function refreshStudies(client: Client): Promise<void> {
  const studies = await client.studies.list()
  // Before the first fetch is over, that one chooses what is opened.
  const fetched = useApp.getState().studies !== null
  useApp.setState({ studies })
  const { studyId } = useApp.getState()
  if (studyId ? !studies.some(s => s.id === studyId) : fetched) {
    const next = studies[0]
    useApp.setState({ studyId: null, study: null, selection: [] })
    if (next) await openStudy(client, next.id)
  }
}

/** Everything the first picture needs. The engine makes the sample study, or was told not to: the page does not. */
async function fetchAll(client: Client): Promise<void> {
  const [info, settings, studies, jobs] = await Promise.all([
    client.app.info(),
    client.settings.get(),
    client.studies.list(),
    client.jobs.list(),
  ])
  useApp.setState({ info, settings, studies, jobs, failure: null })
  const wanted = useApp.getState().studyId ?? remembered()
  const known = studies.find(s => s.id === wanted) ?? studies[0]
  if (known) await openStudy(client, known.id)
}

async function applyEvent(client: Client, event: AppEvent, onJob: (job: Job, before?: Job) => void) {
  const before = useApp.getState()
  useApp.setState(s => afterEvent(s, event))
  switch (event.type) {
    case 'studies':
      return refreshStudies(client)
    case 'study':
      invalidate('study/')
      if (event.id === before.studyId) await refreshStudy(client)
      return
    case 'job': {
      const old = before.jobs.find(j => j.id === event.job.id)
      if (event.job.training && old?.state !== event.job.state) trainingMoved(event.job.id)
      if (event.job.searches && old?.state !== event.job.state) searchMoved(event.job.id)
      return onJob(event.job, old)
    }
    case 'training':
      return trainingMoved(event.job)
    case 'search':
      return searchMoved(event.job)
    case 'settings':
      return
  }
}

/**
 * Starts following the engine. `onJob` hears of every change of a job, with its state before.
 * Returns how to stop.
 */
export function startSession(connection: Connection, onJob: (job: Job, before?: Job) => void): () => void {
  const { client } = connection
  let following: AbortController | null = null

  async function follow(signal: AbortSignal): Promise<void> {
    try {
      // Listening starts before fetching, so that no change falls between the two.
      const events = await client.app.events(undefined, { signal })
      await fetchAll(client)
      invalidate('')
      for await (const event of events) {
        applyEvent(client, event, onJob).catch(error => useApp.setState({ failure: asErrorData(error) }))
      }
    } catch (error) {
      if (following?.signal === signal) {
        useApp.setState({ failure: asErrorData(error) })
      }
    }
  }

  const unwatch = connection.watch(state => {
    useApp.setState({ connection: state })
    // What followed a lost connection ends with it; aborting it would send a message into the closed socket.
    if (state !== 'lost') following?.abort()
    following = null
    if (state === 'open') {
      following = new AbortController()
      void follow(following.signal)
    }
  })
  return () => {
    unwatch()
    following?.abort()
  }
}
