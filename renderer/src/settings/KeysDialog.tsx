import { Shortcut } from '../actions/ActionMenu'
import type { Action } from '../actions/action'
import { ACTIONS } from '../actions/actions'
import classes from './settings.module.css'

const GROUPS: Action['group'][] = ['Variant', 'Study', 'View', 'Help']

const PLACES = [
  { keys: ['↑', '↓', '←', '→'], text: 'Move in the tree, on the chart and in tables' },
  { keys: ['Enter'], text: 'Select' },
  { keys: ['Space'], text: 'Add to the comparison' },
  { keys: ['Shift', 'F10'], text: 'Menu of the variant under the cursor' },
  { keys: ['Mod', 'Enter'], text: 'Start the new variant or training from anywhere in its dialog' },
  { keys: ['Delete'], text: 'Take away the limit under the cursor' },
]

/** Every shortcut, from the actions themselves. */
export function KeysDialog() {
  return (
    <div className={classes.keys}>
      {GROUPS.map(group => (
        <section key={group}>
          <h3>{group}</h3>
          {ACTIONS.filter(a => a.group === group && a.shortcut).map(action => (
            <div key={action.id} className={classes.key}>
              <span>{action.label.replace('…', '')}</span>
              <Shortcut keys={action.shortcut ?? ''} />
              <span className="sr-only">{action.shortcut}</span>
            </div>
          ))}
        </section>
      ))}
      <section>
        <h3>In lists and the chart</h3>
        {PLACES.map(place => (
          <div key={place.text} className={classes.key}>
            <span>{place.text}</span>
            <Shortcut keys={place.keys.join('+')} />
          </div>
        ))}
      </section>
    </div>
  )
}
