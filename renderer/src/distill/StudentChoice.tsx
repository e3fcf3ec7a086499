import { Button, Checkbox, NumberInput, SegmentedControl, Select } from '@mantine/core'
import { FileUp } from 'lucide-react'
import { useId, useState } from 'react'
import type { Variant } from '../../../shared/domain'
import { formatBytes } from '../../../shared/format'
import classes from './distill.module.css'
import { ShareInput } from './ShareInput'
import { StudentImport } from './StudentImport'
import { FIRST_STUDENT, type Student } from './student'

interface StudentChoiceProps {
  student: Student
  init: 'teacher' | 'random'
  /** The teacher's variant, and the models of the study it could teach. */
  parent: Variant
  variants: readonly Variant[]
  onChange(student: Student): void
  onInit(init: 'teacher' | 'random'): void
}

/** A shape made from the teacher, or another model. */
export function StudentChoice({ student, init, parent, variants, onChange, onInit }: StudentChoiceProps) {
  const [importing, setImporting] = useState(false)
  const [shape, setShape] = useState<Student>(student.kind === 'shape' ? student : FIRST_STUDENT)
  const others = variants.filter(v => v.id !== parent.id)
  function choose(next: Student) {
    if (next.kind === 'shape') setShape(next)
    onChange(next)
  }
  return (
    <div className={classes.choice}>
      <SegmentedControl
        aria-label="Where the student comes from"
        fullWidth
        value={student.kind}
        data={[
          { value: 'shape', label: 'From the teacher' },
          { value: 'model', label: 'Another model' },
        ]}
        onChange={kind => {
          setImporting(false)
          onChange(kind === 'model' ? { kind: 'model', variant: null } : shape)
        }}
      />
      {student.kind === 'shape' && (
        <ShapeChoice student={student} init={init} onChange={choose} onInit={onInit} />
      )}
      {student.kind === 'model' && !importing && (
        <>
          <Select
            label="Model"
            placeholder={others.length > 0 ? 'Choose a model of the study' : 'The study has no other model'}
            data={others.map(v => ({ value: v.id, label: `${v.name}, ${formatBytes(v.summary.sizeBytes)}` }))}
            value={student.variant}
            onChange={variant => choose({ kind: 'model', variant })}
            searchable={others.length > 8}
            disabled={others.length === 0}
          />
          <p className={classes.hint}>
            It must have the teacher's inputs and outputs, and begins with the weights it has.
          </p>
          <Button
            variant="default"
            leftSection={<FileUp size={14} aria-hidden />}
            onClick={() => setImporting(true)}
            style={{ alignSelf: 'flex-start' }}
          >
            Import an ONNX file…
          </Button>
        </>
      )}
      {student.kind === 'model' && importing && (
        <StudentImport
          parent={parent}
          onDone={variant => {
            setImporting(false)
            choose({ kind: 'model', variant })
          }}
          onCancel={() => setImporting(false)}
        />
      )}
    </div>
  )
}

interface ShapeChoiceProps {
  student: Extract<Student, { kind: 'shape' }>
  init: 'teacher' | 'random'
  onChange(student: Student): void
  onInit(init: 'teacher' | 'random'): void
}

function ShapeChoice({ student, init, onChange, onInit }: ShapeChoiceProps) {
  const id = useId()
  const { width, depth } = student
  return (
    <>
      <div className={classes.part}>
        <Checkbox
          label="Narrower"
          description="Every hidden width times"
          checked={width !== null}
          onChange={event => onChange({ ...student, width: event.currentTarget.checked ? 0.5 : null })}
        />
        <ShareInput
          id={`${id}-width`}
          label="Width relative to the teacher"
          value={width ?? 1}
          min={0.1}
          max={1}
          step={0.05}
          disabled={width === null}
          onChange={next => onChange({ ...student, width: next })}
        />
      </div>
      <div className={classes.part}>
        <Checkbox
          label="Shallower"
          description="Blocks kept of each stage"
          checked={depth !== null}
          onChange={event => onChange({ ...student, depth: event.currentTarget.checked ? 2 : null })}
        />
        <NumberInput
          aria-label="Blocks kept of each stage"
          w={76}
          min={1}
          max={999}
          value={depth ?? ''}
          disabled={depth === null}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={next => typeof next === 'number' && next >= 1 && onChange({ ...student, depth: next })}
        />
      </div>
      <div className={classes.part}>
        <div>
          <div id={`${id}-init`} className={classes.partTitle}>
            Initial weights
          </div>
          <div className={classes.hint}>
            {init === 'teacher' ? 'Sliced by importance' : 'Drawn anew from the seed'}
          </div>
        </div>
        <SegmentedControl
          aria-labelledby={`${id}-init`}
          value={init}
          data={[
            { value: 'teacher', label: 'Teacher' },
            { value: 'random', label: 'Random' },
          ]}
          onChange={value => onInit(value === 'random' ? 'random' : 'teacher')}
        />
      </div>
    </>
  )
}
