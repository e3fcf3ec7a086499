/** Texts: a tokenizer is asked for and chosen, tokens are shown before anything is imported, texts beside the answers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, type Page, test } from '@playwright/test'
import { root } from './launch'
import { dropFile, finishImport, inWorkbench, jobsDone, openPath } from './workbench'

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"> free money'
let folder: string

test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-text-'))
  const rows = Array.from({ length: 60 }, (_, i) => ({
    text:
      i === 0
        ? HOSTILE
        : `${i % 2 ? 'Buy now, number' : 'See you at the meeting,'} ${i}. ${'word '.repeat(i * 4)}`,
    label: i % 2 ? 'spam' : 'ham',
  }))
  writeFileSync(join(folder, 'mails.jsonl'), rows.map(row => JSON.stringify(row)).join('\n'))
})
test.afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('texts are imported with a tokenizer and shown as what they are', async ({ page }) => {
  await inWorkbench(page, () => importTexts(page))
})

async function importTexts(page: Page): Promise<void> {
  // Told to make no sample study, it shows what to do first.
  await expect(page.getByText('Open a model to begin')).toBeVisible()
  await dropFile(page, join(root, 'samples/spam-teacher.onnx'))
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByRole('treeitem')).toHaveCount(1, { timeout: 60_000 })
  await page.getByRole('button', { name: 'Data', exact: true }).click()
  await openPath(page, join(folder, 'mails.jsonl'))
  await expect(page.getByText(/a tokenizer is needed/)).toBeVisible({ timeout: 30_000 })
  await expect(page.getByText('There is no such tokenizer.').first()).toBeVisible()
  await page.getByLabel('Choose a tokenizer').setInputFiles(join(root, 'samples/spam-tokenizer.json'))
  await expect(page.getByText('[CLS]')).toBeVisible({ timeout: 30_000 })
  await expect(page.getByText(HOSTILE)).toBeVisible()
  await expect(page.getByText(/Lengths of 60 texts/)).toBeVisible()
  await expect(page.getByText(/a tokenizer is needed/)).toBeHidden()
  await expect(page.getByRole('radio', { name: 'Classes' })).toBeChecked()
  await finishImport(page, 60)
  await jobsDone(page, 200_000)

  await page.getByRole('treeitem').first().click()
  await page.getByRole('tab', { name: 'Predictions' }).click()
  await page.getByText(/^All/).click()
  const lines = page.getByRole('option')
  await expect(lines.first()).toContainText(/Buy now, number|See you at the meeting|free money/)
  await lines.first().click()
  await expect(page.getByLabel('Text of the sample')).toBeVisible()
  expect(await page.title()).not.toBe('owned')
}
