/** Whether the chosen device can be used, found out before any work begins. */
import { listDevices } from '../../main/measure/devices'
import type { Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

/** Throws `unsupported` with the reason when no model runs on the device here. The processor is always there. */
export async function requireDevice(device: Device): Promise<void> {
  if (device === 'cpu') return
  const found = (await listDevices()).find(d => d.id === device)
  if (found?.available) return
  throw new BantamError(
    'unsupported',
    `The device ${device} cannot be used here: ${found?.reason ?? 'it is unknown'}`,
    {
      where: '--device',
      action: 'Leave --device out to run on the processor.',
    },
  )
}
