import { Select } from '@mantine/core'
import type { Device } from '../../../shared/domain'
import { useApp } from '../store/app'

interface DeviceChoiceProps {
  /** Null: where the settings say. */
  value: Device | null
  onChange(device: Device): void
}

/** Where a training runs. Devices that are not there can be read, with the reason, and not chosen. */
export function DeviceChoice({ value, onChange }: DeviceChoiceProps) {
  const devices = useApp(s => s.info?.devices) ?? []
  const usual = useApp(s => s.settings.device)
  const shown = value ?? usual
  return (
    <Select
      label="Device"
      w="8.5rem"
      data={devices.map(d => ({ value: d.id, label: d.label, disabled: !d.available }))}
      renderOption={({ option }) => {
        const reason = devices.find(d => d.id === option.value)?.reason
        return (
          <div>
            {option.label}
            {reason && <div style={{ fontSize: 11, whiteSpace: 'normal' }}>{reason}</div>}
          </div>
        )
      }}
      comboboxProps={{ width: 300, position: 'top-start', shadow: 'md' }}
      value={shown}
      allowDeselect={false}
      onChange={id => {
        const device = devices.find(d => d.id === id)
        if (device) onChange(device.id)
      }}
    />
  )
}
