import { Button, Group } from '@mantine/core'
import { Binary, Database } from 'lucide-react'
import { useState } from 'react'
import type { Study, TechniqueInfo, Variant } from '../../../shared/domain'
import { teacherOf, useApp } from '../store/app'
import { type Dialog, openDialog } from '../store/ui'
import { EmptyState } from '../ui/EmptyState'
import { STATIC } from '../variant/kinds'
import { findLayerDialog } from './find-layer'
import { QuantizeBody } from './QuantizeBody'
import { floatAncestor, isQuantized, multiplies } from './quantizable'

interface QuantizeDialogProps {
  parent: string
  technique?: string | undefined
  /** Values to begin with. */
  options?: Readonly<Record<string, unknown>> | undefined
  /** Id or name of the layer to begin at. */
  layer?: string | undefined
}

/** Quantization to 8 bits: what each layer loses, why, what is done about it, and what that comes to. */
export function QuantizeDialog({ parent: parentId, technique, options, layer }: QuantizeDialogProps) {
  const techniques = useApp(s => s.info?.techniques ?? NO_TECHNIQUES)
  const study = useApp(s => s.study)
  const [from, setFrom] = useState<From>({ parent: parentId, options: options ?? NO_OPTIONS })
  const variant = study?.variants.find(v => v.id === from.parent) ?? teacherOf(study)
  if (!variant || !study || !techniques.some(t => t.id === STATIC)) {
    return (
      <EmptyState icon={Binary} title="Nothing to quantize">
        {variant ? 'This version of the engine does not know how to quantize.' : 'Import a model first.'}
      </EmptyState>
    )
  }
  return (
    whyNot(study, variant, technique, setFrom) ?? (
      <QuantizeBody
        key={variant.id}
        techniques={techniques}
        study={study}
        parent={variant}
        technique={technique ?? STATIC}
        given={from.options}
        layer={layer}
        onParent={parent => setFrom({ ...from, parent })}
      />
    )
  )
}

/** The model, and values to begin with. */
interface From {
  parent: string
  options: Readonly<Record<string, unknown>>
}

const NO_TECHNIQUES: TechniqueInfo[] = []
const NO_OPTIONS: Readonly<Record<string, unknown>> = {}

/** Why a variant cannot be quantized here, and where to go; null where it can. */
function whyNot(study: Study, variant: Variant, technique: string | undefined, onFrom: (from: From) => void) {
  if (isQuantized(variant)) {
    const float = floatAncestor(study.variants, variant)
    const again = findLayerDialog(study.variants, variant)
    return (
      <EmptyState
        icon={Binary}
        title={`${variant.name} is quantized already`}
        actions={
          <Group gap="xs" justify="center">
            {again?.kind === 'quantize' && (
              <Button onClick={() => onFrom({ parent: again.parent, options: again.options ?? NO_OPTIONS })}>
                Go on from its choices
              </Button>
            )}
            {float && (
              <Button
                variant={again ? 'default' : 'filled'}
                onClick={() => onFrom({ parent: float.id, options: NO_OPTIONS })}
              >
                Quantize {float.name} anew
              </Button>
            )}
          </Group>
        }
      >
        {float
          ? 'Numbers that were rounded once are not rounded again: start from the model it was made of.'
          : 'Numbers that were rounded once are not rounded again. Import the model in floating point.'}
      </EmptyState>
    )
  }
  if (!multiplies(variant)) {
    return (
      <EmptyState
        icon={Binary}
        title={`Nothing in ${variant.name} computes in 8 bits`}
        actions={
          <Button onClick={() => openDialog({ kind: 'new-variant', parent: variant.id })}>
            Other techniques…
          </Button>
        }
      >
        It has no convolution and no matrix product, and those are what 8 bits make faster.
      </EmptyState>
    )
  }
  if (study.datasets.length === 0) {
    const next: Dialog = { kind: 'quantize', parent: variant.id, ...(technique ? { technique } : {}) }
    return (
      <EmptyState
        icon={Database}
        title="No data yet"
        actions={<Button onClick={() => openDialog({ kind: 'import-data', next })}>Import data…</Button>}
      >
        The ranges of activations are found on samples, and so is what each layer loses. Dynamic int8 and
        8-bit weights need no data.
      </EmptyState>
    )
  }
  return null
}
