import { Menu, UnstyledButton } from '@mantine/core'
import { Check, ChevronDown, Table2 } from 'lucide-react'
import type { Study, Variant } from '../../../shared/domain'
import { selectOnly } from '../store/app'
import { compareWith } from '../store/ui'
import classes from './shell.module.css'

interface ReferenceMenuProps {
  study: Study
  variant: Variant
  reference: Variant
}

/** What the tabs compare the variant with: the teacher, or any other variant; or both side by side in a table. */
export function ReferenceMenu({ study, variant, reference }: ReferenceMenuProps) {
  const others = study.variants.filter(v => v.id !== variant.id)
  return (
    <Menu position="bottom-end" width={240} returnFocus>
      <Menu.Target>
        <UnstyledButton className={classes.against} aria-label={`Compared with ${reference.name}: change`}>
          vs <span className="ellipsis">{reference.name}</span>
          <ChevronDown size={13} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown className={classes.references}>
        <Menu.Item
          leftSection={<Table2 size={14} aria-hidden />}
          onClick={() => selectOnly([variant.id, reference.id])}
        >
          Side by side in a table
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>Compare in the tabs with</Menu.Label>
        {others.map(other => (
          <Menu.Item
            key={other.id}
            aria-current={other.id === reference.id || undefined}
            leftSection={
              <Check size={14} visibility={other.id === reference.id ? 'visible' : 'hidden'} aria-hidden />
            }
            onClick={() => compareWith(other.parentId === null ? null : other.id)}
          >
            {other.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
