import { Button } from '@mantine/core'
import { OptionsFold } from '../variant/OptionsFold'
import { SchemaForm } from '../variant/SchemaForm'
import classes from './quantize.module.css'
import type { QuantizeForm } from './useQuantizeForm'

/** What a search for mixed precision is asked for. */
export function SearchPanel({ form }: { form: QuantizeForm }) {
  const { info, searchPlaces, searchValues, setSearchValues } = form
  const { goal, main, more } = searchPlaces
  return (
    <section className={classes.side} aria-label="Search">
      <div className={classes.sideHead}>
        <h3 className={classes.heading}>Find it for me</h3>
        <Button size="compact-sm" variant="default" ml="auto" onClick={() => form.setMode('hand')}>
          Back to choosing by hand
        </Button>
      </div>
      <div className={classes.box}>
        <div className={classes.scroll}>
          <p className={classes.hint}>{info?.summary}</p>
          <SchemaForm fields={goal} values={{ ...searchValues }} onChange={setSearchValues} />
          <OptionsFold
            title="How layers are quantized"
            fields={[...main, ...more]}
            values={{ ...searchValues }}
            onChange={setSearchValues}
          />
        </div>
      </div>
    </section>
  )
}
