/** Opening data as windows of texts. */
import type { DatasetSummary, Note, SplitOptions } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { dataHash } from '../data/identity'
import type { RawData } from '../data/raw'
import type { Resolved } from '../data/resolve'
import type { Source } from '../data/source'
import { makeSplits, type Splits } from '../data/split'
import { WindowedDataset } from './dataset'
import { TokenWindows } from './windows'

interface Opening {
  raw: RawData
  /** With text, whose samples are windows. */
  resolved: Resolved
  source: Source
  /** Rows of the texts. */
  range: { from: number; to: number }
  split: SplitOptions
  /** What else is to be said, given the splits. */
  notes(splits: Splits): Note[]
}

/**
 * Cuts the texts of the range into windows. A split is drawn of texts, so that no text is in two of them.
 * Throws `bad-data` for an input that is fed by neither text nor a past, and for texts of which nothing can be predicted.
 */
export async function openWindows(opening: Opening): Promise<Dataset> {
  const { raw, resolved, source, range, split, notes } = opening
  const { text, feeds, spec } = resolved
  if (!text) throw new TypeError('Windows are made of text')
  const caches = feeds.flatMap(({ binding }) => (binding.kind === 'empty' ? [binding] : []))
  const other = feeds.find(({ binding }) => binding.kind !== 'text' && binding.kind !== 'empty')
  if (other) {
    throw new BantamError(
      'bad-data',
      `Windows of text feed tokens only, not the model's input ${other.binding.input.name}.`,
      { where: source.path, action: 'Take texts as samples, not windows of them.' },
    )
  }
  const { maxLength = 2 } = text.preprocessing
  const windows = await TokenWindows.cut(range.from, range.to, maxLength, row =>
    text.reader.whole(row, range.from),
  )
  if (windows.count === 0) {
    windows.close()
    throw new BantamError('bad-data', 'The texts have no two tokens in a row: nothing can be predicted.', {
      where: source.path,
    })
  }
  // Of the whole data, so that a text is in the same split whatever range is looked at; others have no windows.
  const drawn = makeSplits(raw.count, split)
  const splits = {
    train: windows.of(drawn.train),
    calibration: windows.of(drawn.calibration),
    test: windows.of(drawn.test),
  }
  const summary: DatasetSummary = {
    spec,
    hash: await dataHash(raw.files, source.range, spec),
    format: raw.format,
    count: windows.count,
    inputs: feeds.map(f => ({
      name: f.binding.input.name,
      type: f.binding.input.type,
      shape: f.open ? ['length'] : f.shape,
    })),
    task: 'none',
    classes: [],
    classCounts: [],
    splits: {
      train: splits.train.length,
      calibration: splits.calibration.length,
      test: splits.test.length,
    },
    notes: [...resolved.notes, windowNote(windows, range.to - range.from, maxLength), ...notes(splits)],
  }
  return new WindowedDataset({ summary, raw, text, windows, caches, splits, offset: range.from })
}

function windowNote({ count, predicted, left }: TokenWindows, texts: number, length: number): Note {
  const none = left === 0 ? '' : ` ${left} of them are empty or a single token and left out.`
  return {
    code: 'windows',
    severity: 'info',
    message: `${texts} texts make ${count} windows of at most ${length} tokens, in which ${predicted} tokens are predicted.${none}`,
  }
}
