/** What a person does in the workbench, in their words; the specs are written with these. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, type Page } from '@playwright/test'
import { launchHost } from './launch'

/** Runs `work` in a page over a host without the sample study; the page may complain of nothing. */
export async function inWorkbench(page: Page, work: () => Promise<void>): Promise<void> {
  const host = await launchHost({ sample: false })
  const complaints = listen(page)
  page.setDefaultTimeout(30_000)
  try {
    await page.goto(host.url)
    await work()
    expect(complaints).toEqual([])
  } finally {
    await host.close()
  }
}

/** Names a file or folder in the open import dialog, as a person in a browser does. */
export async function openPath(page: Page, path: string): Promise<void> {
  await page.getByLabel('Path on this machine').fill(path)
  await page.getByRole('button', { name: 'Open', exact: true }).click()
}

/** Imports the first model of a study, and waits until it is there. */
export async function importModel(page: Page, path: string): Promise<void> {
  await page.getByRole('button', { name: 'Model', exact: true }).click()
  await openPath(page, path)
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByRole('treeitem')).toHaveCount(1, { timeout: 60_000 })
}

/** Imports data as they are suggested, and waits until they are there and measured on. */
export async function importData(page: Page, path: string, samples: number): Promise<void> {
  await page.getByRole('button', { name: 'Data', exact: true }).click()
  await openPath(page, path)
  await finishImport(page, samples)
  await jobsDone(page)
}

/** The second half of it, in a dialog that was opened and led to the file. */
export async function finishImport(page: Page, samples: number): Promise<void> {
  const count = samples.toLocaleString('en')
  await page.getByRole('button', { name: `Import ${count} samples` }).click({ timeout: 60_000 })
  await expect(page.getByText(new RegExp(`^${count} samples ·`))).toBeVisible({ timeout: 60_000 })
}

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
