import { Button, Group, Progress, TextInput } from '@mantine/core'
import { FileUp, FolderOpen } from 'lucide-react'
import { type DragEvent, type ReactNode, useRef, useState } from 'react'
import { formatShare } from '../../../shared/format'
import { useApp } from '../store/app'
import { useClient } from '../store/connection'
import { ErrorNotice } from '../ui/ErrorNotice'
import classes from './imports.module.css'
import { fromDrop, fromInput } from './picked'
import type { Granting } from './useGrant'

interface SourcePickerProps {
  what: 'model' | 'data'
  granting: Granting
  /** Formats that are read. */
  formats: string
  accept: string
  children?: ReactNode
}

/** Drop, choose or type: every way to bring a file or folder in. */
export function SourcePicker({ what, granting, formats, accept, children }: SourcePickerProps) {
  const client = useClient()
  const host = useApp(s => s.info?.shell !== 'electron')
  const [path, setPath] = useState('')
  const [over, setOver] = useState(false)
  const file = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)
  const { desktop } = window

  function drop(event: DragEvent) {
    event.preventDefault()
    event.stopPropagation()
    setOver(false)
    void fromDrop(event.dataTransfer).then(granting.pick)
  }
  if (granting.busy) {
    const { title, share } = granting.busy
    return (
      <div className={classes.busy} role="status">
        <div>{title ? `Bringing in ${title}` : 'Looking at the file…'}</div>
        <Progress value={share * 100} animated aria-label="Share sent" />
        <Group justify="space-between">
          <span className={classes.dim}>{share > 0 ? formatShare(share, 0) : ' '}</span>
          <Button size="compact-xs" variant="default" onClick={granting.reset}>
            Cancel
          </Button>
        </Group>
      </div>
    )
  }
  return (
    <div className={classes.picker}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a place to drop on; the buttons inside do the same */}
      <div
        className={classes.drop}
        data-over={over || undefined}
        onDragOver={event => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <FileUp size={26} strokeWidth={1.4} color="var(--bt-dim)" aria-hidden />
        <div className={classes.dropTitle}>
          {what === 'model' ? 'Drop an ONNX file here' : 'Drop a file or folder here'}
        </div>
        <div className={classes.dim}>{formats}</div>
        <Group gap="xs" mt={6}>
          <Button
            data-autofocus
            variant="default"
            leftSection={<FileUp size={14} aria-hidden />}
            onClick={() => (desktop ? granting.take(() => desktop.open(what)) : file.current?.click())}
          >
            Choose {what === 'model' ? 'files' : 'a file'}…
          </Button>
          {what === 'data' && (
            <Button
              variant="default"
              leftSection={<FolderOpen size={14} aria-hidden />}
              onClick={() =>
                desktop ? granting.take(() => desktop.open('folder')) : folder.current?.click()
              }
            >
              Choose a folder…
            </Button>
          )}
          {children}
        </Group>
        <input
          ref={file}
          type="file"
          hidden
          multiple={what === 'model'}
          accept={accept}
          aria-label={`Choose ${what}`}
          onChange={event => granting.pick(fromInput(event.currentTarget.files))}
        />
        <input
          ref={node => {
            folder.current = node
            // Not among React's known attributes.
            node?.setAttribute('webkitdirectory', '')
          }}
          type="file"
          hidden
          aria-label="Choose a folder"
          onChange={event => granting.pick(fromInput(event.currentTarget.files))}
        />
      </div>
      {host && (
        <form
          className={classes.path}
          onSubmit={event => {
            event.preventDefault()
            if (path.trim()) granting.take(() => client.files.fromPath({ path: path.trim() }))
          }}
        >
          <TextInput
            aria-label="Path on this machine"
            placeholder={what === 'model' ? 'or a path: /models/net.onnx' : 'or a path: /data/photos'}
            value={path}
            onChange={event => setPath(event.currentTarget.value)}
            style={{ flex: 1 }}
            classNames={{ input: 'mono' }}
          />
          <Button type="submit" variant="default" disabled={!path.trim()}>
            Open
          </Button>
        </form>
      )}
      {granting.error && <ErrorNotice error={granting.error} onClose={granting.reset} />}
    </div>
  )
}
