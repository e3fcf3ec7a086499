/** How many threads ONNX Runtime gets. */
import { physicalCores } from '../../main/measure/hardware'

/** Threads to use: those asked for, else one per physical core. */
export async function threadCount(asked: number): Promise<number> {
  return asked > 0 ? asked : Math.max(1, await physicalCores())
}
