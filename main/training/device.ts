/** Where a session of a training runs: on the device asked for, or on the processor where that cannot be. */
import type { Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

/**
 * Opens something on a device; where the device refuses, on the processor, and notes why. What the processor refuses
 * as well is thrown.
 */
export async function openOn<T>(
  device: Device,
  what: string,
  notes: string[],
  open: (device: Device) => Promise<T>,
): Promise<T> {
  if (device === 'cpu') return open('cpu')
  try {
    return await open(device)
  } catch (error) {
    if (!(error instanceof BantamError) || error.code === 'cancelled') throw error
    const opened = await open('cpu')
    const note = `${what} could not run on ${device} and ran on the processor: ${error.message}`
    if (!notes.includes(note)) notes.push(note)
    return opened
  }
}
