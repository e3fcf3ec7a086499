import {
  Binary,
  Copy,
  Crown,
  Download,
  Gauge,
  GitCompareArrows,
  GraduationCap,
  PencilLine,
  Plus,
  Scissors,
  SlidersHorizontal,
  Trash2,
} from 'lucide-react'
import type { Variant } from '../../../shared/domain'
import { select, selectOnly, teacherOf } from '../store/app'
import { openDialog, openTab } from '../store/ui'
import { notifyDone, notifyError, notifyUndo } from '../ui/notify'
import { isPruning, STATIC } from '../variant/kinds'
import type { Action, Screen } from './action'

function hasTarget(screen: Screen): boolean {
  return screen.target !== null
}

/** A target, and an engine that knows the technique. */
function canUse({ app, target }: Screen, technique: string): boolean {
  return target !== null && (app.info?.techniques.some(t => t.id === technique) ?? false)
}

async function removeVariant({ client, target }: Screen): Promise<void> {
  if (!target) return
  const { removed } = await client.variants.remove({ id: target.id })
  const others = removed.length - 1
  const text = others > 0 ? `Removed ${target.name} and ${others} made from it` : `Removed ${target.name}`
  notifyUndo(text, () => {
    client.studies.restore({ kind: 'variant', id: target.id }).catch(notifyError)
  })
}

async function copyHash(target: Variant): Promise<void> {
  await navigator.clipboard.writeText(target.model)
  notifyDone('Copied the hash of the model')
}

/** Actions on one variant: the selected one, or the row of a context menu. In the order of the menu. */
export const VARIANT_ACTIONS: readonly Action[] = [
  {
    id: 'new-variant',
    label: 'New variant from this…',
    group: 'Variant',
    keywords: 'quantize compress smaller int8 float16 technique',
    icon: Plus,
    shortcut: 'N',
    available: hasTarget,
    run: ({ target }) => {
      if (target) openDialog({ kind: 'new-variant', parent: target.id })
    },
  },
  {
    id: 'distil',
    label: 'Distil a student…',
    group: 'Variant',
    keywords: 'train teacher smaller knowledge distillation slim depth',
    icon: GraduationCap,
    shortcut: 'S',
    available: screen => canUse(screen, 'distill.student'),
    run: ({ target }) => {
      if (target) openDialog({ kind: 'train', technique: 'distill.student', parent: target.id })
    },
  },
  {
    id: 'prune',
    label: 'Prune…',
    group: 'Variant',
    keywords: 'channels heads blocks sparse low rank sensitivity smaller faster structure',
    icon: Scissors,
    shortcut: 'P',
    available: ({ app, target }) =>
      target !== null && (app.info?.techniques.some(t => isPruning(t.id)) ?? false),
    run: ({ target }) => {
      if (target) openDialog({ kind: 'prune', parent: target.id })
    },
  },
  {
    id: 'quantize',
    label: 'Quantize to 8 bits…',
    group: 'Variant',
    keywords: 'static int8 layer sensitivity mixed precision calibration smaller faster',
    icon: Binary,
    shortcut: 'Q',
    available: screen => canUse(screen, STATIC),
    run: ({ target }) => {
      if (target) openDialog({ kind: 'quantize', parent: target.id })
    },
  },
  {
    id: 'fine-tune',
    label: 'Fine-tune on labels…',
    group: 'Variant',
    keywords: 'train recover learn epochs',
    icon: SlidersHorizontal,
    shortcut: 'F',
    available: screen => canUse(screen, 'train.labels'),
    run: ({ target }) => {
      if (target) openDialog({ kind: 'train', technique: 'train.labels', parent: target.id })
    },
  },
  {
    id: 'compare',
    label: 'Add to comparison',
    group: 'Variant',
    keywords: 'select several difference',
    icon: GitCompareArrows,
    available: ({ app, target }) => target !== null && !app.selection.includes(target.id),
    run: ({ target }) => {
      if (target) select(target.id, true)
    },
  },
  {
    id: 'compare-teacher',
    label: 'Compare with the teacher',
    group: 'Variant',
    keywords: 'difference reference',
    icon: Crown,
    available: ({ app, target }) => target !== null && target.id !== teacherOf(app.study)?.id,
    run: ({ app, target }) => {
      const teacher = teacherOf(app.study)
      if (teacher && target) selectOnly([target.id, teacher.id])
    },
  },
  {
    id: 'measure',
    label: 'Measure again…',
    group: 'Variant',
    keywords: 'evaluate benchmark latency accuracy',
    icon: Gauge,
    shortcut: 'M',
    available: hasTarget,
    run: ({ app, target }) => {
      if (!target) return
      const several = app.selection.includes(target.id) ? app.selection : [target.id]
      openDialog({ kind: 'measure', variants: several })
    },
  },
  {
    id: 'export-variant',
    label: 'Export…',
    group: 'Variant',
    keywords: 'save onnx bundle deploy download',
    icon: Download,
    shortcut: 'E',
    available: hasTarget,
    run: ({ target }) => {
      if (!target) return
      selectOnly([target.id])
      openTab('export')
      // From the tab, the first Tab press is in what can be saved.
      requestAnimationFrame(() => document.getElementById('tab-export')?.focus())
    },
  },
  {
    id: 'rename-variant',
    label: 'Rename…',
    group: 'Variant',
    icon: PencilLine,
    shortcut: 'F2',
    available: hasTarget,
    run: ({ target }) => {
      if (target) openDialog({ kind: 'rename-variant', id: target.id, name: target.name })
    },
  },
  {
    id: 'copy-hash',
    label: 'Copy hash',
    group: 'Variant',
    keywords: 'sha256 identity',
    icon: Copy,
    available: hasTarget,
    run: ({ target }) => (target ? copyHash(target) : undefined),
  },
  {
    id: 'remove-variant',
    label: 'Remove',
    group: 'Variant',
    keywords: 'delete',
    icon: Trash2,
    shortcut: 'Delete',
    // The teacher goes with its study.
    available: ({ target }) => target !== null && target.parentId !== null,
    run: removeVariant,
  },
]
