import { z } from 'zod'

/** Something a person should know about a model, plan or result. `code` is stable and machine-readable. */
export const Note = z.object({
  code: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  node: z.string().optional(),
  action: z.string().optional(),
})
export type Note = z.infer<typeof Note>
