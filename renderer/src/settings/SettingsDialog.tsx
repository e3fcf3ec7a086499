import { NumberInput, Radio, SegmentedControl, Stack } from '@mantine/core'
import type { Settings } from '../../../shared/domain'
import { formatBytes } from '../../../shared/format'
import { useApp } from '../store/app'
import { useClient } from '../store/connection'
import { LoadingLines } from '../ui/Loading'
import { notifyError } from '../ui/notify'
import classes from './settings.module.css'

/** Device, threads and theme; saved as they are changed. */
export function SettingsDialog() {
  const client = useClient()
  const settings = useApp(s => s.settings)
  const info = useApp(s => s.info)
  if (!info) return <LoadingLines lines={8} />
  const set = (change: Partial<Settings>) => {
    client.settings
      .set(change)
      .then(saved => useApp.setState({ settings: saved }))
      .catch(notifyError)
  }
  const { hardware } = info
  return (
    <Stack gap="lg">
      <Radio.Group
        label="Device"
        description="Where models run when they are measured."
        value={settings.device}
        onChange={value => {
          const device = info.devices.find(d => d.id === value)
          if (device) set({ device: device.id })
        }}
      >
        <Stack gap={8} mt={8}>
          {info.devices.map(device => (
            <Radio
              key={device.id}
              value={device.id}
              label={device.label}
              description={device.reason || (device.available ? 'Ready' : 'Not available')}
              disabled={!device.available}
              size="xs"
            />
          ))}
        </Stack>
      </Radio.Group>
      <NumberInput
        label="Threads for jobs"
        description={`0 uses all ${hardware.physicalCores} physical cores.`}
        value={settings.threads}
        min={0}
        max={256}
        clampBehavior="strict"
        allowDecimal={false}
        w={180}
        onChange={value => typeof value === 'number' && set({ threads: value })}
      />
      <div>
        <div className={classes.label} id="theme-label">
          Theme
        </div>
        <SegmentedControl
          aria-labelledby="theme-label"
          value={settings.theme}
          data={[
            { value: 'auto', label: 'As the system' },
            { value: 'light', label: 'Light' },
            { value: 'dark', label: 'Dark' },
          ]}
          onChange={value => {
            if (value === 'auto' || value === 'light' || value === 'dark') set({ theme: value })
          }}
        />
      </div>
      <dl className={classes.facts}>
        <dt>This machine</dt>
        <dd>
          {hardware.cpu}, {hardware.physicalCores} cores, {formatBytes(hardware.memoryBytes)}
        </dd>
        <dt>Instruction sets</dt>
        <dd>{hardware.features.join(', ') || 'none that matter here'}</dd>
        <dt>Versions</dt>
        <dd>
          Bantam {info.version}, ONNX Runtime {hardware.onnxruntime}, Node {hardware.node}
        </dd>
      </dl>
    </Stack>
  )
}
