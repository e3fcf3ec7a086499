import { useComputedColorScheme } from '@mantine/core'

/** Whether the dark theme is shown now. */
export function useDark(): boolean {
  return useComputedColorScheme('dark', { getInitialValueInEffect: false }) === 'dark'
}
