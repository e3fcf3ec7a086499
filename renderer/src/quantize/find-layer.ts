/** From a variant that lost accuracy to the dialog in which its layers are looked through. */
import type { Variant } from '../../../shared/domain'
import type { Dialog } from '../store/ui'
import { isStaticQuantization, STATIC } from '../variant/kinds'

/**
 * The dialog over the float model that an 8-bit variant was made of, with the variant's options to begin with; null
 * where the variant was made otherwise, or that model is gone.
 */
export function findLayerDialog(variants: readonly Variant[], { step, parentId }: Variant): Dialog | null {
  if (!step || !isStaticQuantization(step.technique)) return null
  if (!variants.some(v => v.id === parentId) || parentId === null) return null
  return { kind: 'quantize', parent: parentId, technique: STATIC, options: step.options }
}
