/** Quantization on the real engine: what layers lose, why, a choice, what the whole then loses, and a search. */
import { expect, test } from '@playwright/test'
import { makeOwnFiles } from './own-data'
import { finishImport, importModel, inWorkbench, jobsDone, openPath, variantRow } from './workbench'

test('a model is measured layer by layer, the worst stays in float, and a search finds its own way', async ({
  page,
}) => {
  const own = await makeOwnFiles(600)
  await inWorkbench(page, async () => {
    await importModel(page, own.model)

    // Without data there are no ranges: it says so, and leads to the data.
    await page.getByRole('button', { name: 'Quantize', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await expect(dialog.getByText('No data yet')).toBeVisible()
    await dialog.getByRole('button', { name: 'Import data…' }).click()
    await openPath(page, own.pictures)
    await finishImport(page, 600)
    // The dialog that the data were wanted for comes back by itself.
    await expect(dialog.getByRole('button', { name: 'Measure sensitivity' })).toBeVisible()
    await dialog.getByRole('button', { name: 'Cancel', exact: true }).click()
    await jobsDone(page)

    // The whole network in 8 bits, tried before anything is made.
    await page.keyboard.press('q')
    const preview = dialog.getByLabel('What the quantized model would be')
    await expect(preview.getByText(/^100\.0 % of the MACs$/)).toBeVisible({ timeout: 60_000 })
    await expect(preview.getByText(/^Accuracy on \d+ samples$/)).toBeVisible()

    // What each layer loses, the worst first, and why.
    await dialog.getByRole('button', { name: 'Measure sensitivity' }).click()
    await expect(dialog.getByRole('button', { name: 'Measure again' })).toBeVisible({ timeout: 60_000 })
    await expect(dialog.getByText(/^accuracy on \d+ samples/)).toBeVisible()
    const layers = dialog.getByRole('listbox', { name: 'Layers' })
    const rows = layers.getByRole('option')
    await expect(rows).toHaveCount(4)
    await expect(rows.filter({ hasText: /pt.*dB/ })).toHaveCount(4)
    await layers.focus()
    await page.keyboard.press('Home')
    await expect(rows.first()).toHaveAttribute('aria-selected', 'true')
    const values = dialog.getByRole('region', { name: 'Values' })
    await expect(values.getByRole('img', { name: /^Histogram of/ })).toBeVisible({ timeout: 30_000 })
    await values.getByText('Weights', { exact: true }).click()
    await expect(values.getByRole('img', { name: /^Range of each of \d+ output channels/ })).toBeVisible()

    // It stays in float: less is multiplied in 8 bits, and the change can be taken back.
    await layers.focus()
    await page.keyboard.press('x')
    await expect(rows.first()).toContainText('float')
    await expect(preview.getByText('before the last change: 100.0 %')).toBeVisible({ timeout: 60_000 })
    await page.keyboard.press('Control+z')
    await expect(rows.first()).not.toContainText('float')
    await page.keyboard.press('Control+y')
    await expect(rows.first()).toContainText('float')
    await dialog.getByRole('button', { name: 'Start', exact: true }).click()
    const made = variantRow(page, /^Static int8, 1 in float/)
    await expect(made).toBeVisible({ timeout: 90_000 })
    await jobsDone(page)

    // The variant, measured; and what was measured of its layers in the teacher's table.
    await made.click()
    await expect(made).toContainText(/\d+\.\d+ %/)
    await page.getByRole('tab', { name: 'Overview' }).click()
    await expect(page.getByText(/× smaller.*on \d+ samples/)).toBeVisible()
    await page.getByRole('treeitem').first().click()
    await page.getByRole('tab', { name: 'Layers' }).click()
    const table = page.getByRole('grid', { name: 'Layers' })
    await expect(table.getByRole('columnheader', { name: 'Loss in int8' })).toBeVisible()
    await page.getByText('Loss in int8', { exact: true }).first().click()
    await table.getByRole('button', { name: /pt$/ }).last().click()
    await expect(dialog.getByRole('listbox', { name: 'Layers' })).toBeVisible()

    // Found by a search instead; its tries stand in the recipe.
    await dialog.getByRole('button', { name: 'Find it for me' }).click()
    const search = dialog.getByRole('region', { name: 'Search' })
    await search.getByRole('textbox', { name: 'Minutes' }).fill('0.1')
    await dialog.getByRole('button', { name: 'Start the search' }).click()
    // Every model is drawn as it is measured.
    const live = dialog.getByRole('region', { name: 'Trials of the search' })
    await expect(live.getByText(/^\d+ models? tried on \d+ samples/)).toBeVisible({ timeout: 60_000 })
    await dialog.getByRole('button', { name: 'Show the variant' }).click({ timeout: 120_000 })
    await expect(variantRow(page, /^Mixed precision, fastest within 0\.5/)).toBeVisible()
    await jobsDone(page)
    await page.getByRole('tab', { name: 'Recipe' }).click()
    const trials = page.getByRole('region', { name: 'Trials of the search' })
    await expect(trials.getByText(/^\d+ models? tried on \d+ samples/)).toBeVisible()
    await expect(trials.getByText(/^The best /)).toBeVisible()
  }).finally(own.remove)
})
