import {
  FileBarChart,
  FilePlus2,
  FlaskConical,
  FolderPlus,
  ImagePlus,
  Mails,
  PencilLine,
  Ruler,
  Sheet,
  Trash2,
} from 'lucide-react'
import type { Variant } from '../../../shared/domain'
import { openStudy } from '../store/session'
import { openDialog } from '../store/ui'
import { notifyError, notifyUndo } from '../ui/notify'
import { saveArtifact } from '../ui/save-artifact'
import type { Action, Screen } from './action'

function hasStudy(screen: Screen): boolean {
  return screen.app.studyId !== null
}

function hasModel(screen: Screen): boolean {
  return (screen.app.study?.variants.length ?? 0) > 0
}

/** Variants with a file but no measurement yet. */
export function unmeasured(variants: readonly Variant[]): Variant[] {
  return variants.filter(v => v.benchmark === null)
}

async function removeStudy({ app, client }: Screen): Promise<void> {
  const { study } = app
  if (!study) return
  await client.studies.remove({ id: study.id })
  notifyUndo(`Removed the study ${study.name}`, () => {
    client.studies
      .restore({ kind: 'study', id: study.id })
      .then(() => openStudy(client, study.id))
      .catch(notifyError)
  })
}

async function saveTable({ app, client }: Screen, format: 'csv' | 'json'): Promise<void> {
  if (app.studyId) await saveArtifact(await client.studies.table({ id: app.studyId, format }))
}

export const STUDY_ACTIONS: readonly Action[] = [
  {
    id: 'import-model',
    label: 'Import model…',
    group: 'Study',
    keywords: 'open onnx teacher add file',
    icon: FilePlus2,
    shortcut: 'I',
    // Without a study it becomes the teacher of a new one.
    available: () => true,
    run: () => openDialog({ kind: 'import-model' }),
  },
  {
    id: 'import-data',
    label: 'Import data…',
    group: 'Study',
    keywords: 'dataset images npz csv parquet labels calibration',
    icon: ImagePlus,
    shortcut: 'D',
    available: hasModel,
    run: () => openDialog({ kind: 'import-data' }),
  },
  {
    id: 'measure-missing',
    label: 'Measure what is not measured yet…',
    group: 'Study',
    keywords: 'evaluate benchmark',
    icon: Ruler,
    available: ({ app }) => unmeasured(app.study?.variants ?? []).length > 0,
    run: ({ app }) =>
      openDialog({ kind: 'measure', variants: unmeasured(app.study?.variants ?? []).map(v => v.id) }),
  },
  {
    id: 'report',
    label: 'Write a report',
    group: 'Study',
    keywords: 'html export share',
    icon: FileBarChart,
    shortcut: 'R',
    available: hasModel,
    run: async ({ app, client }) => {
      if (app.studyId) await client.studies.report({ id: app.studyId })
    },
  },
  {
    id: 'table-csv',
    label: 'Save the comparison as CSV',
    group: 'Study',
    keywords: 'table export spreadsheet',
    icon: Sheet,
    available: hasModel,
    run: screen => saveTable(screen, 'csv'),
  },
  {
    id: 'table-json',
    label: 'Save the comparison as JSON',
    group: 'Study',
    keywords: 'table export',
    icon: Sheet,
    available: hasModel,
    run: screen => saveTable(screen, 'json'),
  },
  {
    id: 'new-study',
    label: 'New study…',
    group: 'Study',
    keywords: 'create project',
    icon: FolderPlus,
    available: () => true,
    run: () => openDialog({ kind: 'new-study' }),
  },
  {
    id: 'sample-study',
    label: 'Open the sample study: digits',
    group: 'Study',
    keywords: 'example demo pictures',
    icon: FlaskConical,
    available: () => true,
    run: async ({ client }) => openStudy(client, (await client.studies.sample({ name: 'digits' })).id),
  },
  {
    id: 'spam-study',
    label: 'Open the sample study: spam or ham',
    group: 'Study',
    keywords: 'example demo text mails transformer',
    icon: Mails,
    available: () => true,
    run: async ({ client }) => openStudy(client, (await client.studies.sample({ name: 'spam' })).id),
  },
  {
    id: 'rename-study',
    label: 'Rename study…',
    group: 'Study',
    icon: PencilLine,
    available: hasStudy,
    run: ({ app }) => {
      if (app.study) openDialog({ kind: 'rename-study', id: app.study.id, name: app.study.name })
    },
  },
  {
    id: 'remove-study',
    label: 'Remove study',
    group: 'Study',
    keywords: 'delete',
    icon: Trash2,
    available: hasStudy,
    run: removeStudy,
  },
]
