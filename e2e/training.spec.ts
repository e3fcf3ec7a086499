/** Trainings on the real engine: a student with its control, live curves, pause, the comparison, a tuned variant. */
import { expect, test } from '@playwright/test'
import { makeOwnFiles, TEACHER } from './own-data'
import { importData, importModel, inWorkbench, jobsDone, variantRow } from './workbench'

test('a student is distilled beside its control, watched, paused, compared; the teacher is fine-tuned', async ({
  page,
}) => {
  // A training that a fast machine cannot end before it is paused is a long one on a busy machine.
  test.setTimeout(480_000)
  const own = await makeOwnFiles(1000, TEACHER)
  await inWorkbench(page, async () => {
    await importModel(page, own.model)
    await importData(page, own.pictures, 1000)

    // The form: a student in numbers, suggested pairs, both graphs, epochs.
    await page.getByRole('button', { name: 'Distil', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('input[id$="-width"]').fill('0.5')
    const preview = dialog.getByLabel('What the student would be')
    await expect(preview.getByText('−75 %').first()).toBeVisible({ timeout: 30_000 })
    await expect(preview.getByText(/of the teacher's time/)).toBeVisible({ timeout: 30_000 })
    await dialog.getByRole('button', { name: 'Suggest pairs' }).click()
    await dialog
      .getByRole('button', { name: /^Add Hint: / })
      .first()
      .click({ timeout: 30_000 })
    await expect(dialog.getByLabel('Remove pair 1')).toBeVisible()
    await dialog.getByRole('button', { name: 'Pick on the graphs…' }).click()
    await expect(dialog.getByLabel('Graph of the student')).toBeVisible({ timeout: 30_000 })
    await expect(dialog.getByRole('list', { name: 'Pairs' }).getByLabel('Remove pair 1')).toBeVisible()
    await dialog.getByRole('button', { name: 'Done' }).click()
    await dialog.getByRole('textbox', { name: 'Epochs' }).fill('20')
    await expect(dialog.getByText('2 trainings')).toBeVisible()
    await dialog.getByRole('button', { name: 'Start', exact: true }).click()

    // Its curves come by themselves; paused, it keeps its place.
    await expect(page.getByRole('tab', { name: 'Training' })).toHaveAttribute('aria-selected', 'true')
    const tab = page.getByRole('tabpanel')
    await expect(tab.getByLabel('Loss over epochs')).toBeVisible({ timeout: 30_000 })
    await tab.getByRole('button', { name: 'Pause' }).click()
    await expect(tab.getByRole('button', { name: 'Resume' })).toBeVisible()
    await expect(tab.getByLabel('Loss over epochs')).toBeVisible()
    await tab.getByRole('button', { name: 'Resume' }).click()
    const student = variantRow(page, /^Student ×0\.5(?! without)/)
    const control = variantRow(page, /^Student ×0\.5 without teacher/)
    await expect(student).toBeVisible({ timeout: 240_000 })
    await expect(control).toBeVisible({ timeout: 240_000 })
    await jobsDone(page)

    // Both are measured, and their runs drawn over one another.
    await student.click()
    for (const row of [student, control]) await expect(row).toContainText(/\d+\.\d+ %/)
    await page.getByRole('tab', { name: 'Training' }).click()
    await expect(tab.getByText('20 epochs').first()).toBeVisible()
    await tab.getByLabel(/^Student ×0\.5 without teacher/).check()
    await expect(tab.getByLabel('Runs over epochs').locator('path.recharts-line-curve')).toHaveCount(2)
    await page.getByRole('tab', { name: 'Overview' }).click()
    await expect(page.getByText(/× smaller.*on \d+ samples/)).toBeVisible()

    // Fine-tuning from the menu of a variant, ended before its time.
    await student.click({ button: 'right' })
    await page.getByRole('menuitem', { name: /Fine-tune on labels…/ }).click()
    await dialog.getByRole('textbox', { name: 'Epochs' }).fill('50')
    await dialog.getByRole('button', { name: 'Start', exact: true }).click()
    await tab.getByRole('button', { name: 'Finish now' }).click({ timeout: 60_000 })
    await expect(variantRow(page, /, tuned/)).toBeVisible({ timeout: 240_000 })
    await jobsDone(page)
  }).finally(own.remove)
})
