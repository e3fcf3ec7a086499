import { SegmentedControl, Select, Switch, Tooltip } from '@mantine/core'
import { useMemo, useState } from 'react'
import { formatMs, formatShare } from '../../../shared/format'
import type { LayerDetail, QuantizeLayer, TensorDetail } from '../../../shared/quantize'
import type { Query } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingLines } from '../ui/Loading'
import { dropText, isShown, type LossMetric, lossText } from '../ui/losses'
import { ChannelStrip } from './ChannelStrip'
import { byPattern, isCalibration, withFloat, withOverride } from './choices'
import { Findings } from './Findings'
import { calibrationsOf } from './fixes'
import { RangeChart } from './RangeChart'
import type { Row } from './rows'
import { sqnrText } from './rows'
import type { QuantizeForm } from './useQuantizeForm'
import classes from './why.module.css'
import { CALIBRATION_WORDS, ROLE_TITLES } from './words'

interface LayerPanelProps {
  row: Row
  metric: LossMetric
  detail: Query<LayerDetail>
  form: QuantizeForm
}

/** One layer: what it loses, why, and what may be done about it. */
export function LayerPanel({ row, metric, detail, form }: LayerPanelProps) {
  return (
    <div className={classes.panel}>
      <LayerHead layer={row.layer} metric={metric} />
      <LayerChoices row={row} form={form} />
      {detail.error && <ErrorNotice error={detail.error} />}
      {!detail.data && !detail.error && <LoadingLines lines={6} />}
      {detail.data && (
        <div className={classes.why} data-stale={detail.loading || undefined}>
          <Findings row={row} detail={detail.data} form={form} />
          <Tensors key={row.layer.id} row={row} detail={detail.data} form={form} />
        </div>
      )}
    </div>
  )
}

function LayerHead({ layer, metric }: { layer: QuantizeLayer; metric: LossMetric }) {
  const parts = [
    { name: 'weights', point: layer.weights },
    { name: 'activations', point: layer.activations },
  ]
  return (
    <header className={classes.head}>
      <h3 title={layer.node}>{layer.node}</h3>
      <span className={classes.dim}>
        {formatShare(layer.macs, 1)} of the MACs, {formatShare(layer.parameters, 1)} of the parameters
        {layer.milliseconds !== null && `, ${formatMs(layer.milliseconds)} in float`}
      </span>
      <p className={classes.loses}>
        <strong data-shown={isShown(layer.whole.drop) || undefined}>
          Alone in 8 bits: {lossText(layer.whole.drop, metric)}
        </strong>
        {parts.map(
          ({ name, point }) =>
            point && (
              <span key={name} title={lossText(point.drop, metric)}>
                {name}: {isShown(point.drop) ? dropText(point.drop.value, metric) : 'no loss shown'},{' '}
                {sqnrText(point.sqnr)}
              </span>
            ),
        )}
      </p>
    </header>
  )
}

/** What is chosen for the layer alone. */
function LayerChoices({ row, form }: { row: Row; form: QuantizeForm }) {
  const { layer, choice } = row
  const { values, change, fields } = form
  const overrides = fields.some(f => f.name === 'overrides')
  const pattern = byPattern(choice)
  const network = isCalibration(values.calibration) ? CALIBRATION_WORDS[values.calibration].title : ''
  const float = choice.float !== null
  return (
    <fieldset className={classes.choices} aria-label={`Choices for ${row.label}`}>
      <Tooltip label={pattern ? `By the pattern ${choice.float} in the options` : 'Computes as before (X)'}>
        <Switch
          label="Leave in float"
          checked={float}
          disabled={pattern}
          onChange={event => change(withFloat(values, layer, event.currentTarget.checked))}
        />
      </Tooltip>
      {overrides && (
        <>
          <Tooltip label="What it reads and makes in 16 bits: nearly as exact as float, and on this kind of processor as slow">
            <Switch
              label="16-bit activations"
              checked={choice.wide}
              disabled={float}
              onChange={event => change(withOverride(values, layer, { wide: event.currentTarget.checked }))}
            />
          </Tooltip>
          <Select
            aria-label="Calibration of this layer"
            size="xs"
            w="11.5rem"
            disabled={float}
            data={[
              { value: 'network', label: `As the network: ${network}` },
              ...calibrationsOf(fields).map(c => ({ value: c, label: CALIBRATION_WORDS[c].title })),
            ]}
            value={choice.calibration ?? 'network'}
            allowDeselect={false}
            onChange={next =>
              change(withOverride(values, layer, { calibration: isCalibration(next) ? next : null }))
            }
          />
        </>
      )}
    </fieldset>
  )
}

/** The tensor of the most noise; weights where nothing is known. */
function noisiest(tensors: readonly TensorDetail[]): TensorDetail | undefined {
  return [...tensors].sort((a, b) => (a.sqnr ?? 1e9) - (b.sqnr ?? 1e9))[0]
}

function Tensors({ row, detail, form }: { row: Row; detail: LayerDetail; form: QuantizeForm }) {
  const { layer, choice } = row
  const { values, change, fields } = form
  const [picked, setPicked] = useState<string | null>(null)
  const keys = useMemo(() => detail.tensors.map(t => `${t.role} ${t.name}`), [detail.tensors])
  const shown = detail.tensors[keys.indexOf(picked ?? '')] ?? noisiest(detail.tensors)
  if (!shown) return null
  const weight = shown.role === 'weight'
  const network = isCalibration(values.calibration) ? values.calibration : 'minmax'
  const chosen =
    choice.float !== null
      ? null
      : weight
        ? (shown.ranges[0]?.calibration ?? null)
        : (choice.calibration ?? network)
  const free = !weight && choice.float === null && fields.some(f => f.name === 'overrides')
  return (
    <section aria-label="Values" className={classes.tensors}>
      <div className={classes.tensorHead}>
        <SegmentedControl
          aria-label="Values of"
          value={keys[detail.tensors.indexOf(shown)] ?? ''}
          onChange={setPicked}
          data={detail.tensors.map((t, i) => ({ value: keys[i] ?? '', label: titleOf(detail.tensors, t) }))}
        />
        <span className={`${classes.dim} ellipsis`} title={shown.name}>
          {factsOf(shown)}
        </span>
      </div>
      <RangeChart
        tensor={shown}
        chosen={chosen}
        onChoose={
          free
            ? calibration =>
                change(
                  withOverride(values, layer, { calibration: calibration === network ? null : calibration }),
                )
            : null
        }
      />
      {shown.channels && shown.channels.min.length > 1 && (
        <ChannelStrip channels={shown.channels} what={weight ? 'output channels' : 'channels'} />
      )}
    </section>
  )
}

function titleOf(all: readonly TensorDetail[], tensor: TensorDetail): string {
  const same = all.filter(t => t.role === tensor.role)
  const title = ROLE_TITLES[tensor.role]
  return same.length > 1 ? `${title} ${same.indexOf(tensor) + 1}` : title
}

function factsOf({ outliers, clipped, sqnr }: TensorDetail): string {
  return [
    `${sqnrText(sqnr)} signal to noise`,
    ...(Number.isFinite(outliers) && outliers > 1.05
      ? [`largest ${outliers < 9.95 ? outliers.toFixed(1) : Math.round(outliers)}× what 99.9 % stay below`]
      : []),
    ...(clipped > 0 ? [`${formatShare(clipped, clipped < 0.001 ? 3 : 1)} cut off`] : []),
  ].join(' · ')
}
