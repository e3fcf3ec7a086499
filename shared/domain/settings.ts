/** What a person sets once. */
import { z } from 'zod'
import { Device } from './hardware'

export const Settings = z.object({
  device: Device.default('cpu'),
  /** Threads for jobs; 0 = physical cores. */
  threads: z.number().int().min(0).max(256).default(0),
  theme: z.enum(['light', 'dark', 'auto']).default('auto'),
})
export type Settings = z.infer<typeof Settings>
