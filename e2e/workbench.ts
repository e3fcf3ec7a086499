/** What a person does in the workbench, in their words; the specs are written with these. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, type Page } from '@playwright/test'

/** Collects what the page complains of; a spec ends with `expect(complaints).toEqual([])`. */
export function listen(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  return complaints
}

export function variantRow(page: Page, name: string | RegExp) {
  return page.getByRole('treeitem', { name })
}

/** Waits until no job is queued or running. */
export async function jobsDone(page: Page, timeout = 150_000): Promise<void> {
  await expect(page.getByRole('button', { name: /^Jobs$/ })).toBeVisible({ timeout })
}

/** Drops a file on the window, bytes and all, as a browser hands it over. */
export async function dropFile(page: Page, path: string): Promise<void> {
  const bytes = readFileSync(path).toString('base64')
  const transfer = await page.evaluateHandle(
    ([name, text]) => {
      const data = new DataTransfer()
      const raw = Uint8Array.from(atob(text ?? ''), c => c.charCodeAt(0))
      data.items.add(new File([raw], name ?? 'file'))
      return data
    },
    [basename(path), bytes],
  )
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: transfer })
  await page.dispatchEvent('body', 'dragover', { dataTransfer: transfer })
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer })
}
