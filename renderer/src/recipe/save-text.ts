/** Saves a short text that the page itself holds, as a download; in Electron the window asks where to put it. */
export function saveText(name: string, text: string, mime: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: mime }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  // The download starts after this task; the address must live until then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
