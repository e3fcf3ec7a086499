/** A workbench in this process with the real job processes, and a client that calls its handlers directly. */
import { createRouterClient, type RouterClient } from '@orpc/server'
import type { Job } from '../../shared/domain'
import { nodeHost } from '../jobs/host'
import { inFolder } from '../workspace/fixture'
import type { Router } from './router'
import { openWorkbench, type Workbench } from './workbench'

export interface TestBench {
  bench: Workbench
  client: RouterClient<Router>
  folder: string
  /** Waits until a job has ended; answers with it. */
  ended(id: string): Promise<Job>
  /** Grants a path, as a dialog would. */
  grant(path: string): string
}

/** `work` gets a workbench on a new workspace without the sample study, unless asked for. */
export async function withBench(
  work: (test: TestBench) => Promise<void>,
  { sample = false, shell = 'host' as 'host' | 'electron' } = {},
): Promise<void> {
  await inFolder(async folder => {
    const bench = openWorkbench({ folder, host: nodeHost(), shell, sample })
    try {
      await work({ bench, folder, client: createRouterClient(bench.router), ...helpers(bench) })
    } finally {
      await bench.close()
    }
  })
}

function helpers(bench: Workbench): Pick<TestBench, 'ended' | 'grant'> {
  return {
    grant: path => bench.grants.add(path).id,
    async ended(id) {
      for (;;) {
        const job = bench.queue.read(id)
        if (job.state !== 'queued' && job.state !== 'running') return job
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    },
  }
}
