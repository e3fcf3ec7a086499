/** What the handlers work with: one open workbench. */
import type { EventBus } from '../jobs/events'
import type { JobQueue } from '../jobs/queue'
import type { WarmChild } from '../jobs/warm'
import type { Workspace } from '../workspace/workspace'
import type { Grants } from './grants'

export interface Bench {
  readonly shell: 'electron' | 'host'
  readonly workspace: Workspace
  readonly queue: JobQueue
  readonly warm: WarmChild
  readonly bus: EventBus
  readonly grants: Grants
}
