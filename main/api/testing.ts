/** A workbench in this process with the real job processes, and a client that calls its handlers directly. */
import { createRouterClient, type RouterClient } from '@orpc/server'
import type { Job } from '../../shared/domain'
import { nodeHost } from '../jobs/host'
import { inFolder } from '../workspace/fixture'
import type { Router } from './router'
import { openWorkbench, type Workbench } from './workbench'

// Jobs measure what they make; here that it is measured is what matters, and not how exactly.
process.env.BANTAM_ROW_MS ??= '50'

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

/** Cancels the measurements that imports queue, for tests that are about something else. */
export async function quiet({ client, ended }: Pick<TestBench, 'client' | 'ended'>): Promise<void> {
  for (const { id, state } of await client.jobs.list())
    if (state === 'queued' || state === 'running') await client.jobs.cancel({ id })
  for (const { id } of await client.jobs.list()) await ended(id)
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
