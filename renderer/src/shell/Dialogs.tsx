import { Modal } from '@mantine/core'
import type { ReactNode } from 'react'
import { TrainDialog } from '../distill/TrainDialog'
import { ImportDataDialog } from '../imports/ImportDataDialog'
import { ImportModelDialog } from '../imports/ImportModelDialog'
import { MeasureDialog } from '../jobs/MeasureDialog'
import { PruneDialog } from '../prune/PruneDialog'
import { QuantizeDialog } from '../quantize/QuantizeDialog'
import { SearchDialog } from '../quantize/SearchDialog'
import { KeysDialog } from '../settings/KeysDialog'
import { SettingsDialog } from '../settings/SettingsDialog'
import { closeDialog, type Dialog, useUi } from '../store/ui'
import { NewVariantDialog } from '../variant/NewVariantDialog'
import { NameDialog } from './NameDialog'

const SIZES: Record<Dialog['kind'], number> = {
  'new-variant': 940,
  train: 1160,
  prune: 1480,
  quantize: 1480,
  search: 920,
  'import-model': 560,
  'import-data': 980,
  settings: 560,
  keys: 620,
  'new-study': 420,
  'rename-study': 420,
  'rename-variant': 420,
  measure: 480,
}

const TITLES: Record<Dialog['kind'], string> = {
  'new-variant': 'New variant',
  train: 'Distil a student',
  prune: 'Prune',
  quantize: 'Static int8',
  search: 'Search for mixed precision',
  'import-model': 'Import model',
  'import-data': 'Import data',
  settings: 'Settings',
  keys: 'Keyboard',
  'new-study': 'New study',
  'rename-study': 'Rename study',
  'rename-variant': 'Rename variant',
  measure: 'Measure',
}

function content(dialog: Dialog): ReactNode {
  switch (dialog.kind) {
    case 'new-variant':
      return <NewVariantDialog parent={dialog.parent} technique={dialog.technique} options={dialog.options} />
    case 'train':
      return <TrainDialog technique={dialog.technique} parent={dialog.parent} options={dialog.options} />
    case 'prune':
      return <PruneDialog parent={dialog.parent} technique={dialog.technique} options={dialog.options} />
    case 'quantize':
      return (
        <QuantizeDialog
          parent={dialog.parent}
          technique={dialog.technique}
          options={dialog.options}
          layer={dialog.layer}
        />
      )
    case 'search':
      return <SearchDialog job={dialog.job} />
    case 'import-model':
      return <ImportModelDialog picked={dialog.picked} given={dialog.grant} />
    case 'import-data':
      return <ImportDataDialog picked={dialog.picked} next={dialog.next} />
    case 'settings':
      return <SettingsDialog />
    case 'keys':
      return <KeysDialog />
    case 'measure':
      return <MeasureDialog variants={dialog.variants} />
    case 'new-study':
    case 'rename-study':
    case 'rename-variant':
      return <NameDialog dialog={dialog} />
  }
}

/** Fine-tuning shares the dialog of distillation, without the student. */
function tunes(dialog: Dialog): boolean {
  return dialog.kind === 'train' && !dialog.technique.startsWith('distill.')
}

/** The dialog that is open, if one is. */
export function Dialogs() {
  const dialog = useUi(s => s.dialog)
  return (
    <Modal
      opened={dialog !== null}
      onClose={closeDialog}
      title={dialog && (tunes(dialog) ? 'Fine-tune on labels' : TITLES[dialog.kind])}
      size={dialog ? (tunes(dialog) ? 880 : SIZES[dialog.kind]) : 'md'}
      // What is chosen beside a list of layers has need of height.
      yOffset={dialog?.kind === 'quantize' || dialog?.kind === 'prune' ? '2.5dvh' : '5dvh'}
      closeButtonProps={{ 'aria-label': 'Close' }}
      // These have steps: Escape takes one back.
      closeOnEscape={dialog?.kind !== 'train' && dialog?.kind !== 'prune'}
      // A form must not be lost to a stray click.
      closeOnClickOutside={
        dialog?.kind === 'keys' || dialog?.kind === 'settings' || dialog?.kind === 'search'
      }
    >
      {dialog && content(dialog)}
    </Modal>
  )
}
