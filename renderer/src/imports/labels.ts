import type { Note, TensorInfo } from '../../../shared/domain'

/**
 * What to say, before anything is imported, of labels with more classes than any output has values per sample;
 * null where they fit or an output's width is not fixed.
 */
export function labelMisfit(classCount: number, outputs: readonly TensorInfo[]): Note | null {
  const widths = outputs.map(output => {
    const dims = output.shape.slice(1)
    return dims.every(d => typeof d === 'number') ? dims.reduce<number>((all, d) => all * d, 1) : null
  })
  // A single value tells two classes apart.
  const fits = widths.some(width => width === null || classCount <= Math.max(2, width))
  if (fits || outputs.length === 0) return null
  const known = outputs.map((output, i) => `${output.name} has ${widths[i]}`).join(', ')
  return {
    code: 'labels-out-of-range',
    severity: 'warning',
    message: `The labels go up to class ${classCount - 1}, but no output has ${classCount} values per sample (${known}). Choose other labels, or say that they are numbers or none.`,
  }
}
