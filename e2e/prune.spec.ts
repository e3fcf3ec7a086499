/** Pruning on the real engine: the plan before it is run, sensitivities, a share by hand, recovery with curves. */
import { expect, test } from '@playwright/test'
import { makeOwnFiles } from './own-data'
import { importData, importModel, inWorkbench, jobsDone, variantRow } from './workbench'

test('a model is measured part by part, pruned with a share by hand, and recovered', async ({ page }) => {
  const own = await makeOwnFiles(600)
  await inWorkbench(page, async () => {
    await importModel(page, own.model)

    // Without data there is a plan, and nothing to measure on.
    await page.getByRole('button', { name: 'Prune', exact: true }).click()
    const dialog = page.getByRole('dialog')
    const preview = dialog.getByLabel('What the pruned model would be')
    await expect(preview.getByText(/^−5\d %$/).first()).toBeVisible({ timeout: 60_000 })
    await expect(dialog.getByRole('button', { name: 'Measure sensitivity' })).toBeDisabled()
    await dialog.getByRole('button', { name: 'Cancel', exact: true }).click()
    await importData(page, own.pictures, 600)

    // What each part matters, on the chart.
    await page.keyboard.press('p')
    await expect(preview.getByText(/of the time/)).toBeVisible({ timeout: 60_000 })
    await dialog.getByRole('button', { name: 'Measure sensitivity' }).click()
    await expect(dialog.getByRole('button', { name: 'Measure again' })).toBeVisible({ timeout: 60_000 })
    await expect(dialog.getByText(/^accuracy on \d+ samples/)).toBeVisible()
    const parts = dialog.getByRole('list', { name: 'Parts of the network' }).getByRole('listitem')
    await expect(parts).toHaveCount(3)
    await expect(parts.filter({ hasText: /pt/ })).toHaveCount(3)

    // A share by the mouse, and the plan that follows it.
    const conv2 = dialog.getByRole('slider', { name: 'Share kept of conv2' })
    const track = await conv2.locator('..').boundingBox()
    if (!track) throw new Error('The track is not on the screen')
    const y = track.y + track.height / 2
    await page.mouse.move(track.x + track.width * 0.9, y)
    await page.mouse.down()
    await page.mouse.move(track.x + track.width * 0.5, y, { steps: 4 })
    await page.mouse.up()
    await expect(conv2).toHaveAttribute('aria-valuetext', '50 %, 8 of 16 channels, by hand')
    await expect(parts.filter({ hasText: 'conv2' })).toContainText('16 → 8', { timeout: 60_000 })
    await dialog.getByText('Table', { exact: true }).click()
    await expect(
      dialog.getByRole('grid', { name: 'Changes' }).getByRole('row').filter({ hasText: 'conv2' }),
    ).toContainText('50 %')
    await dialog.getByRole('button', { name: 'On the graph' }).click()
    await expect(dialog.getByLabel('Graph of the plan')).toBeVisible({ timeout: 30_000 })
    await expect(dialog.getByRole('listbox').getByText('−50 %')).toBeVisible({ timeout: 30_000 })
    await dialog.getByRole('button', { name: 'Back' }).click()

    // One epoch of distillation from the original; its curves come by themselves.
    await dialog.getByRole('textbox', { name: 'Recovery epochs' }).fill('1')
    await expect(dialog.getByRole('button', { name: 'Start', exact: true })).toBeEnabled({ timeout: 60_000 })
    await dialog.getByRole('button', { name: 'Start', exact: true }).click()
    await expect(page.getByRole('tab', { name: 'Training' })).toHaveAttribute('aria-selected', 'true')
    const pruned = variantRow(page, /^Channels −50 % MACs, 1 by hand/)
    await expect(pruned).toBeVisible({ timeout: 90_000 })
    await jobsDone(page)

    // The variant: smaller, measured, with its recipe.
    await pruned.click()
    await expect(pruned).toContainText(/\d+\.\d+ %/)
    await page.getByRole('tab', { name: 'Overview' }).click()
    await expect(page.getByText(/× smaller.*on \d+ samples/)).toBeVisible()
    await page.getByRole('tab', { name: 'Recipe' }).click()
    const recipe = page.getByRole('tabpanel')
    await expect(recipe.getByText(/bantam prune .*--method channels.*--widths '?group=/)).toBeVisible()
    await expect(recipe.getByText(/308 k → \d+ k/)).toBeVisible()
  }).finally(own.remove)
})
