import { FileBox } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { BantamError } from '../../../shared/errors'
import { useApp } from '../store/app'
import { openDialog } from '../store/ui'
import { notifyError } from '../ui/notify'
import classes from './imports.module.css'
import { fromDrop, kindOfPicked, type PickedFile } from './picked'

function refuse(message: string, action: string, where?: string): void {
  notifyError(new BantamError('bad-file', message, { action, where }))
}

function accept(picked: readonly PickedFile[]): void {
  const hasModel = (useApp.getState().study?.variants.length ?? 0) > 0
  if (picked.length === 0) {
    refuse('Nothing that can be read was dropped.', 'Drop an ONNX file, a data file or a folder of pictures.')
  } else if (kindOfPicked(picked) === 'model') openDialog({ kind: 'import-model', picked })
  else if (hasModel) openDialog({ kind: 'import-data', picked })
  else {
    refuse(
      'Data comes after the model: its inputs say how samples are read.',
      'Import an ONNX model first.',
      picked[0]?.path,
    )
  }
}

/** The whole window takes models and data, and tells which is which. */
export function DropZone() {
  const [over, setOver] = useState(false)
  // Entering a child comes before leaving its parent: only the balance says whether the pointer is inside.
  const depth = useRef(0)
  useEffect(() => {
    const withFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    function enter(event: DragEvent) {
      if (!withFiles(event)) return
      event.preventDefault()
      depth.current++
      setOver(true)
    }
    function leave(event: DragEvent) {
      if (withFiles(event) && --depth.current <= 0) setOver(false)
    }
    function move(event: DragEvent) {
      if (withFiles(event)) event.preventDefault()
    }
    function drop(event: DragEvent) {
      depth.current = 0
      setOver(false)
      if (event.defaultPrevented || !event.dataTransfer || !withFiles(event)) return
      event.preventDefault()
      fromDrop(event.dataTransfer).then(accept).catch(notifyError)
    }
    window.addEventListener('dragenter', enter)
    window.addEventListener('dragleave', leave)
    window.addEventListener('dragover', move)
    window.addEventListener('drop', drop)
    return () => {
      window.removeEventListener('dragenter', enter)
      window.removeEventListener('dragleave', leave)
      window.removeEventListener('dragover', move)
      window.removeEventListener('drop', drop)
    }
  }, [])
  if (!over) return null
  return (
    <div className={classes.overlay}>
      <div className={classes.overlayBox}>
        <FileBox size={30} strokeWidth={1.4} color="var(--bt-accent)" aria-hidden />
        Drop a model or data
        <span className={classes.dim}>
          ONNX files are models, with their data files beside them; all else is data.
        </span>
      </div>
    </div>
  )
}
