/** Samples come in pages that end at a row of the grid, so that a page is a block of the virtual list. */

export interface GridShape {
  columns: number
  rowsPerPage: number
  /** Samples per page: what is asked of the engine at once. */
  limit: number
}

/** As many columns as fit; page lengths stay between 1 and 200 samples. */
export function gridShape(width: number, cell: number, gap: number, rowsPerPage: number): GridShape {
  const columns = Math.min(12, Math.max(1, Math.floor((width + gap) / (cell + gap))))
  return { columns, rowsPerPage, limit: columns * rowsPerPage }
}

/** Page of a sample and its place in it. */
export function placeOf(position: number, limit: number): { page: number; at: number } {
  return { page: Math.floor(position / limit), at: position % limit }
}

/** Position after a key; null where the key does not move. Stays inside the list. */
export function moved(key: string, position: number, total: number, shape: GridShape): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: shape.columns,
    ArrowUp: -shape.columns,
    PageDown: shape.columns * 3,
    PageUp: -shape.columns * 3,
    Home: -total,
    End: total,
  }
  const step = steps[key]
  if (step === undefined || total === 0) return null
  return Math.min(total - 1, Math.max(0, position + step))
}
