import type { Prediction } from '../../../shared/domain'
import { colors } from '../ui/theme'
import classes from './predictions.module.css'
import { Answer, type Names, Outcome, SamplePicture, SampleText } from './SampleCard'

/** One sample, large, with both answers. */
export function LargeSample({ sample, names }: { sample: Prediction; names: Names }) {
  const sides = [
    ...(names.reference === null
      ? []
      : [{ who: names.reference, answer: sample.reference, color: colors.teacher }]),
    { who: names.variant, answer: sample.variant, color: colors.variant },
  ]
  return (
    <div
      className={classes.large}
      style={sample.image ? undefined : { gridTemplateColumns: 'minmax(0, 1fr)' }}
    >
      {sample.image && (
        <div className={classes.picture}>
          <SamplePicture key={sample.image} sample={sample} />
        </div>
      )}
      {sample.texts && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: long texts are scrolled by keys
        <div className={classes.passage} tabIndex={0} role="document" aria-label="Text of the sample">
          <SampleText texts={sample.texts} />
        </div>
      )}
      <div className={classes.answers}>
        <div className={classes.truth} style={{ fontSize: 'var(--mantine-font-size-sm)' }}>
          <span>
            {sample.label === null ? (
              'no label'
            ) : (
              <>
                label <strong>{sample.label}</strong>
              </>
            )}{' '}
            · row {sample.index} of the data
          </span>
          <Outcome outcome={sample.outcome} alone={names.reference === null} />
        </div>
        {sides.map(side => (
          <div key={side.color}>
            <div className={classes.dim} style={{ fontSize: 'var(--mantine-font-size-xs)' }}>
              {side.who}
            </div>
            <Answer {...side} label={sample.label} />
          </div>
        ))}
        {names.reference !== null && (
          <div className={classes.dim} style={{ fontSize: 'var(--mantine-font-size-sm)' }}>
            Distance of the outputs: {sample.distance.toPrecision(3)}
          </div>
        )}
      </div>
    </div>
  )
}
