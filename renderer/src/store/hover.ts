import { create } from 'zustand'

/** Variant under the pointer or keyboard cursor, in the tree and on the chart alike. Apart from the other stores so that only what draws it renders again. */
export const useHover = create<{ id: string | null }>(() => ({ id: null }))

export function hover(id: string | null): void {
  if (useHover.getState().id !== id) useHover.setState({ id })
}
