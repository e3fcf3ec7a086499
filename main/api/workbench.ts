/** The whole engine behind one screen: workspace, jobs, warm process and the handlers of the contract. */
import { EventBus } from '../jobs/events'
import type { Host } from '../jobs/host'
import { JobQueue } from '../jobs/queue'
import { WarmChild } from '../jobs/warm'
import { sampleWasMade } from '../workspace/settings'
import { openWorkspace } from '../workspace/workspace'
import { appInfo } from './app'
import type { Bench } from './bench'
import { answerBytes, type BytesAnswer } from './bytes'
import { Grants } from './grants'
import { Pictures } from './pictures'
import { createRouter, type Router } from './router'
import { openSample } from './sample'

export interface WorkbenchOptions {
  /** Folder of the workspace. */
  folder: string
  host: Host
  shell: 'electron' | 'host'
  /** Make the sample study on the first start. Default true. */
  sample?: boolean
}

export interface Workbench extends Bench {
  readonly router: Router
  /** Answers the byte routes (`/data/…`, `/artifacts/…`); undefined for other paths. */
  bytes(path: string): Promise<BytesAnswer | undefined>
  /** Ends all processes and closes the workspace; a running job is taken up again at the next start. */
  close(): Promise<void>
}

/** Throws `conflict` when another instance has the workspace, `unsupported` when a newer version made it. */
export function openWorkbench(options: WorkbenchOptions): Workbench {
  const workspace = openWorkspace(options.folder)
  const bus = new EventBus()
  const bench: Bench = {
    shell: options.shell,
    workspace,
    bus,
    queue: new JobQueue(workspace, options.host, bus),
    warm: new WarmChild(options.host),
    grants: new Grants(),
  }
  const pictures = new Pictures(bench)
  if (options.sample !== false && !sampleWasMade(workspace)) openSample(bench)
  bench.warm.start()
  // The screen's first question is answered before the jobs take the processor, and the devices are tried before
  // anything is timed.
  void appInfo(bench)
    .catch(() => {}) // the screen asks again, and hears why
    .finally(() => bench.queue.start())
  return {
    ...bench,
    router: createRouter(bench),
    bytes: path => answerBytes(bench, pictures, path),
    async close() {
      bench.warm.close()
      await bench.queue.close()
      workspace.close()
    },
  }
}
