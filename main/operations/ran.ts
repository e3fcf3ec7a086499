/** Looking, while a quantized file is proven, at what of it really ran in 8 bits. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Note, Plan, RanKernels } from '../../shared/domain'
import type { TaskContext } from '../jobs/context'
import { readRuns } from '../measure/profile-events'
import { type PlannedNode, ranKernels } from '../measure/ran'

/** What plans of static quantization hold: nodes by the names they have in the result. */
const WithNodes = z.object({
  nodes: z.array(
    z.object({
      name: z.string().min(1),
      op: z.string(),
      activations: z.array(z.unknown()).optional(),
      bits: z.literal(4).optional(),
    }),
  ),
})
/** Plans of quantization-aware training hold one. */
const Within = z.object({ quantization: WithNodes })

/** Nodes named in a note. */
const NAMED = 4

/** Where a profile of the proof goes. */
export async function profileFolder(context: TaskContext): Promise<{ profilePrefix: string }> {
  return { profilePrefix: join(await mkdtemp(join(context.tempDir, 'ran-')), 'ort') }
}

/**
 * What ran in the last run of the proof; undefined where nothing ran in 8 bits nor was to, or ONNX Runtime wrote no
 * profile. Removes the profile.
 */
export async function fileRan(
  { profilePrefix }: { profilePrefix: string },
  plan: Plan,
): Promise<RanKernels | undefined> {
  const folder = dirname(profilePrefix)
  try {
    const file = (await readdir(folder)).find(name => name.endsWith('.json'))
    const last = file && (await readRuns(join(folder, file))).at(-1)
    const ran = last ? ranKernels(last, plannedNodes(plan)) : undefined
    // Where only weights are stored in fewer bits, nothing was to run so.
    return ran && ran.int8 + ran.planned > 0 ? ran : undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The nodes that a plan has in 8 bits: not those of 4-bit weights, nor of activations in float. */
export function plannedNodes({ decisions }: Pick<Plan, 'decisions'>): PlannedNode[] {
  const within = Within.safeParse(decisions)
  const decided = WithNodes.safeParse(within.success ? within.data.quantization : decisions)
  const nodes = decided.success ? decided.data.nodes : []
  return nodes.filter(node => node.bits !== 4 && node.activations?.length !== 0)
}

/** A warning that nodes fell back to float; null when none did. */
export function fallbackNote({ planned, fellBack }: RanKernels): Note | null {
  const [first, ...rest] = fellBack
  if (!first) return null
  const named = [first, ...rest.slice(0, NAMED - 1)].map(({ name, op }) => `${op} ${name}`).join(', ')
  const more = fellBack.length > NAMED ? ` and ${fellBack.length - NAMED} more` : ''
  return {
    code: 'ran-in-float',
    severity: 'warning',
    node: first.name,
    message: `${fellBack.length} of ${planned} nodes planned in 8 bits ran in float: ${named}${more}.`,
    action: 'ONNX Runtime has no 8-bit kernel for them here: exclude them, or choose another number format.',
  }
}
