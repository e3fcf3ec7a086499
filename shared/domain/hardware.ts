/** What models run on. */
import { z } from 'zod'

export const Hardware = z.object({
  cpu: z.string(),
  physicalCores: z.number(),
  logicalCores: z.number(),
  /** Lower-case instruction set flags that matter: avx2, avx512f, avx512_vnni, avx_vnni, amx_int8, neon, i8mm… */
  features: z.array(z.string()),
  memoryBytes: z.number(),
  os: z.string(),
  arch: z.string(),
  gpus: z.array(z.string()),
  node: z.string(),
  onnxruntime: z.string(),
})
export type Hardware = z.infer<typeof Hardware>

export const Device = z.enum(['cpu', 'webgpu', 'cuda', 'dml', 'coreml'])
export type Device = z.infer<typeof Device>
