/** The first minutes: a model dropped on the empty window, and the sample study, whatever happens meanwhile. */
import { expect, test } from '@playwright/test'
import { launchHost } from './launch'
import { SMALL } from './own-data'
import { dropFile, inWorkbench, variantRow } from './workbench'

test('a model is dropped on the window', async ({ page }) => {
  await inWorkbench(page, async () => {
    await expect(page.getByRole('button', { name: 'Model', exact: true })).toBeVisible()
    await dropFile(page, SMALL)
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await expect(page.getByRole('treeitem')).toHaveCount(1, { timeout: 30_000 })
  })
})

test('the first start makes a sample study; killed in the middle of it, it goes on to measured variants', async ({
  page,
}) => {
  // The jobs of a whole study, each of which measures as carefully as it does for a person.
  test.setTimeout(480_000)
  const first = await launchHost()
  try {
    await page.goto(first.url)
    await expect(variantRow(page, /^Teacher/)).toBeVisible({ timeout: 60_000 })
    first.process.kill('SIGKILL')
    await expect(page.getByText(/connection/i).first()).toBeVisible()
    const second = await launchHost({ workspace: first.workspace })
    try {
      await page.goto(second.url)
      await expect(variantRow(page, /^Teacher/)).toBeVisible()
      // What ran when it was killed is taken up again: the data arrive, and with them the variant calibrated on them.
      await expect(variantRow(page, /^Static int8/)).toBeVisible({ timeout: 180_000 })
      await variantRow(page, /^Static int8/).click()
      await expect(page.getByText(/smaller.*on 3,000 samples/i)).toBeVisible()
      await page.getByRole('tab', { name: 'Predictions' }).click()
      await page.getByText(/^All/).click()
      await expect(page.locator('img').first()).toBeVisible()
      await page.getByRole('tab', { name: 'Speed' }).click()
      await expect(page.getByText(/8-bit kernels/).first()).toBeVisible()
      // The next is under way by itself.
      await expect(variantRow(page, /^float16/i)).toBeVisible({ timeout: 120_000 })
    } finally {
      await second.close()
    }
  } finally {
    await first.close()
  }
})
