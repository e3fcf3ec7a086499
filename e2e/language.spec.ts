/**
 * A language model from file to figures: dropped, given plain text, made smaller by weights in 4 bits, and compared by
 * perplexity, tokens per second and memory.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, type Page, test } from '@playwright/test'
import { tinyLanguageModel, writeTexts } from '../main/language/testing'
import { writeModel } from '../main/onnx/write'
import { dropFile, finishImport, inWorkbench, jobsDone, openPath, variantRow } from './workbench'

const TEXTS = 60
let folder: string

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-language-'))
  // Keys and values of the past, as models are exported to make text with; weights large enough for blocks.
  await writeModel(tinyLanguageModel({ cache: true, width: 64 }), join(folder, 'tiny-gpt.onnx'))
  const rows = readFileSync(writeTexts(folder, TEXTS), 'utf8').trim().split('\n')
  writeFileSync(join(folder, 'book.txt'), rows.map(row => JSON.parse(row).text).join('\n\n'))
})
test.afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a language model is measured, made smaller and compared', async ({ page }) => {
  await inWorkbench(page, () => compareLanguageModels(page))
})

async function compareLanguageModels(page: Page): Promise<void> {
  await dropFile(page, join(folder, 'tiny-gpt.onnx'))
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByRole('treeitem')).toHaveCount(1, { timeout: 60_000 })

  // The tokenizer lies beside the text, and is found there.
  await page.getByRole('button', { name: 'Data', exact: true }).click()
  await openPath(page, join(folder, 'book.txt'))
  await finishImport(page, TEXTS)
  await jobsDone(page)
  await expect(page.getByText(/perplexity/i).first()).toBeVisible()

  await page.getByRole('button', { name: 'New variant' }).click()
  await page.getByRole('radio', { name: /^Weight-only int4/ }).click()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await expect(variantRow(page, /Weight-only int4/)).toBeVisible({ timeout: 60_000 })
  await jobsDone(page)
  await variantRow(page, /Weight-only int4/).click()

  // Size and perplexity against the teacher's, with the interval of the difference and that of the figure itself.
  await expect(page.getByText(/^3\.\d× smaller; .*perplexity .*on \d+ samples\.$/)).toBeVisible()
  await expect(
    page.getByText(/[−+][\d.]+ \([−+][\d.]+ to [−+][\d.]+\) · \d+ samples, paired bootstrap/),
  ).toBeVisible()
  await expect(page.getByRole('row', { name: /^Perplexity .*[\d.]+ to [\d.]+/ })).toBeVisible()

  await page.getByRole('tab', { name: 'Speed' }).click()
  await expect(page.getByRole('heading', { name: 'Tokens per second' })).toBeVisible()
  for (const name of ['tiny-gpt', 'Weight-only int4']) {
    // Tokens made and read per second, time for one, and the memory of a process that does it.
    const figures = new RegExp(`^${name} [\\d.]+ ?k? [\\d.]+ ?k? [\\d.]+ [mµ]s [\\d.]+ MB$`)
    await expect(page.getByRole('row', { name: figures })).toBeVisible()
  }
  await expect(
    page.getByText(/^A prompt of \d+ tokens and \d+ made after it, .*keys and values handed on\.$/),
  ).toBeVisible()
}
