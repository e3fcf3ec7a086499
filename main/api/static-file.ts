/** Finding a file of the built screen by the path of a URL, and nothing outside its folder. */
import { realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'

/** Absolute path of the file, links resolved; undefined when there is none or it lies outside `root`. */
export function staticFile(root: string, urlPath: string): string | undefined {
  let name: string
  try {
    name = decodeURIComponent(urlPath)
  } catch {
    return undefined
  }
  if (name.includes('\0') || name.includes('\\')) return undefined
  try {
    const base = realpathSync(root)
    const file = realpathSync(join(base, name === '/' ? 'index.html' : name))
    return file.startsWith(base + sep) && statSync(file).isFile() ? file : undefined
  } catch {
    return undefined // not there
  }
}
